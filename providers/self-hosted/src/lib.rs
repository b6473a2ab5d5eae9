//! sf-provider-self-hosted
