//! A new master key: what is sealed under an older one is sealed anew at the start, so that the old one can go.

use super::{Control, ControlError, FORMAT, decode};
use serde_json::Value;

impl Control {
    /// Seals under the newest master key whatever is sealed under an older one; how many secrets that were.
    pub fn reseal(&self) -> Result<u64, ControlError> {
        if self.vault.keys() < 2 {
            return Ok(0);
        }
        let mut count = 0;
        for entry in self.tree.iter() {
            let (key, bytes) = entry.map_err(|why| self.db.failed(why))?;
            let mut value: Value = decode(&bytes)?;
            let before = count;
            // A secret is bound to the key of its record: nothing else opens as one.
            self.reseal_in(&String::from_utf8_lossy(&key), &mut value, &mut count)?;
            if count > before {
                let mut new = vec![FORMAT];
                serde_json::to_writer(&mut new, &value).map_err(|why| super::unreadable(&why.to_string()))?;
                self.tree.insert(key, new).map_err(|why| self.db.failed(why))?;
            }
        }
        if count > 0 {
            self.db.make_durable()?;
        }
        Ok(count)
    }

    fn reseal_in(&self, purpose: &str, value: &mut Value, count: &mut u64) -> Result<(), ControlError> {
        match value {
            Value::String(text) => {
                if let Some(new) = self.vault.resealed(purpose, text)? {
                    *text = new;
                    *count += 1;
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.reseal_in(purpose, item, count)?;
                }
            }
            Value::Object(fields) => {
                for (_, field) in fields {
                    self.reseal_in(purpose, field, count)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{StoredApp, StoredTokens, Vault};
    use super::*;
    use crate::store::db::Db;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use model::Time;
    use secrecy::ExposeSecret;

    #[test]
    fn after_a_start_with_a_new_key_the_old_one_can_go() {
        let dir = tempfile::tempdir().unwrap();
        let (file, db) = (dir.path().join("key"), Db::open(&dir.path().join("store"), 1 << 20).unwrap());
        let open = || Control::open(db.clone(), Vault::open(&file).unwrap()).unwrap();
        let control = open();
        let (connector, client_id, settings) = ("shopify".to_owned(), "id".to_owned(), serde_json::Map::new());
        let secrets = vec!["new".into(), "old".into()];
        control.put_app(&StoredApp { connector, client_id, secrets, settings }).unwrap();
        let tokens = StoredTokens {
            access: "a".into(),
            refresh: Some("r".into()),
            expires: None,
            refresh_expires: None,
            generation: 1,
            issued: Time(0),
            refresh_begun: false,
            refused: None,
            revoked: false,
            scopes: None,
        };
        control.put_tokens(&"w".into(), &"c".into(), &tokens).unwrap();
        assert_eq!(control.reseal().unwrap(), 0, "there is one key");
        let old = std::fs::read_to_string(&file).unwrap();
        let new = STANDARD.encode([9u8; 32]);
        std::fs::write(&file, format!("{new}\n{old}")).unwrap();
        assert_eq!(open().reseal().unwrap(), 4);
        assert_eq!(open().reseal().unwrap(), 0, "once");
        std::fs::write(&file, new).unwrap();
        let control = open();
        assert_eq!(control.app("shopify").unwrap().unwrap().secrets[1].expose_secret(), "old");
        let tokens = control.tokens(&"w".into(), &"c".into()).unwrap().unwrap();
        assert_eq!(tokens.refresh.unwrap().expose_secret(), "r");
    }
}
