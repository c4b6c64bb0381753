"""Contact preferences: what somebody has chosen here, and what notifications says of it since."""

from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.contact import ContactPreferences


async def of(tx: Tx, person_id: UUID) -> ContactPreferences:
    """Somebody's preferences; the defaults where nothing was ever said."""
    row = await tx.fetchrow(
        "SELECT email, language, email_notice, email_bounced_at FROM contact_preferences WHERE person_id = $1",
        person_id,
    )
    return ContactPreferences(**row) if row else ContactPreferences()


async def save(tx: Tx, person_id: UUID, preferences: ContactPreferences) -> None:
    """Keep somebody's preferences in place of earlier ones."""
    await tx.execute(
        """
        INSERT INTO contact_preferences (person_id, email, language, email_notice, email_bounced_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (person_id) DO UPDATE SET email = excluded.email, language = excluded.language,
            email_notice = excluded.email_notice, email_bounced_at = excluded.email_bounced_at
        """,
        person_id,
        preferences.email,
        preferences.language,
        preferences.email_notice,
        preferences.email_bounced_at,
    )
