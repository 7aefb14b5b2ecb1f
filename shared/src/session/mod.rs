//! QoS 1 and 2 in both directions, receive windows and topic aliases.
