//! What accounts allow: connections to one account share it, whatever workspace they are in.

use super::Connections;
use crate::control::ConnectionRecord;
use kit::api::ApiClient;
use kit::quota::Quota;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Quotas that are in use, by connector and account.
#[derive(Default)]
pub(super) struct Quotas(Mutex<BTreeMap<(String, String), Weak<Quota>>>);

impl Quotas {
    fn of(&self, key: (String, String), own: &Arc<Quota>) -> Arc<Quota> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, quota| quota.strong_count() > 0);
        all.insert(key, Arc::downgrade(own));
        Arc::clone(own)
    }
}

impl Connections {
    /// A connection's client, which shares the quota of its account once that is known.
    pub(super) fn paced(&self, record: &ConnectionRecord, api: ApiClient) -> ApiClient {
        if record.account.is_empty() {
            return api;
        }
        let key = (record.connector.clone(), record.account.clone());
        let quota = self.quotas.of(key, api.quota());
        api.sharing(quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::connector::Limits;

    #[test]
    fn one_account_has_one_quota_for_as_long_as_somebody_is_connected() {
        let (quotas, own) = (Quotas::default(), || Quota::new(Limits::USUAL));
        let key = |account: &str| ("hubspot".to_owned(), account.to_owned());
        let first = quotas.of(key("1"), &own());
        assert!(Arc::ptr_eq(&first, &quotas.of(key("1"), &own())));
        assert!(!Arc::ptr_eq(&first, &quotas.of(key("2"), &own())));
        drop(first);
        let again = own();
        assert!(Arc::ptr_eq(&again, &quotas.of(key("1"), &again)));
        assert_eq!(quotas.0.lock().unwrap().len(), 1, "nobody is connected to the other any more");
    }
}
