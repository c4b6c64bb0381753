CREATE TABLE bookings (
    booking_id uuid PRIMARY KEY,
    visitor_id uuid NOT NULL,
    person_id  uuid,
    guest      text NOT NULL,
    lane       integer NOT NULL DEFAULT 1
);
CREATE TABLE viewings (subject text NOT NULL);
