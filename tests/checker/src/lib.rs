//! Checks every invariant of the shop from its database files; shares no code with the services.
