"""What citizens see: one module for each part of the portal."""

from portal.pages.apply import router as applying
from portal.pages.contact import router as contacting
from portal.pages.data import router as my_data
from portal.pages.find import router as finding
from portal.pages.information import router as informing
from portal.pages.letters import router as reading
from portal.pages.mine import router as following
from portal.pages.payments import router as paying

ROUTERS = (finding, applying, following, reading, paying, contacting, my_data, informing)
