//! Every connector of the daemon: one line each.

use kit::connector::Connector;

/// The connectors.
pub const CONNECTORS: &[Connector] = &[
    connector_files::CONNECTOR,
    connector_hubspot::CONNECTOR,
    connector_klaviyo::CONNECTOR,
    connector_mailchimp::CONNECTOR,
    connector_mailman::CONNECTOR,
    connector_shopify::CONNECTOR,
    connector_vendure::CONNECTOR,
    connector_webhook::CONNECTOR,
    connector_woocommerce::CONNECTOR,
];

/// The connector of this name.
pub fn find(name: &str) -> Option<&'static Connector> {
    CONNECTORS.iter().find(|connector| connector.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_connector_has_a_name_of_its_own_and_is_found_by_it() {
        let names: BTreeSet<&str> = CONNECTORS.iter().map(|connector| connector.name).collect();
        assert_eq!(names.len(), CONNECTORS.len());
        assert!(names.iter().all(|name| find(name).is_some_and(|found| found.name == *name)));
        assert!(find("nothing").is_none());
    }
}
