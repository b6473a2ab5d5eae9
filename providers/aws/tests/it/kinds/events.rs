//! What calls functions: event sources, subscriptions, notifications.
