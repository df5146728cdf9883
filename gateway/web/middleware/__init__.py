"""What every request passes through, the outermost first."""

from gateway.web.middleware.access_log import access_log
from gateway.web.middleware.authenticate import authenticate
from gateway.web.middleware.deadline import deadline
from gateway.web.middleware.delivery import delivery
from gateway.web.middleware.errors import errors
from gateway.web.middleware.limits import limits
from gateway.web.middleware.origin import origin
from gateway.web.middleware.request_id import request_id

MIDDLEWARE = (request_id, access_log, errors, origin, deadline, authenticate, limits, delivery)
