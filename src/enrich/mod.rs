//! What a user agent and an address tell: device and place. Done before the log, so that a
//! replay needs no database of the day.

mod cache;
mod device;

pub use device::{Device, Hints, is_bot};

use cache::DeviceCache;
use model::Value;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

type Geo = maxminddb::Reader<Vec<u8>>;

/// Device and place lookups.
#[derive(Default)]
pub struct Enrich {
    geo: RwLock<Option<Arc<Geo>>>,
    devices: DeviceCache,
}

impl Enrich {
    /// Opens the GeoIP database (MaxMind format, city edition) if a path is given.
    pub fn open(path: Option<&Path>) -> Result<Enrich, String> {
        let enrich = Enrich::default();
        enrich.reload(path)?;
        Ok(enrich)
    }

    /// Opens the database anew.
    pub fn reload(&self, path: Option<&Path>) -> Result<(), String> {
        let opened = match path {
            Some(path) => {
                let read = maxminddb::Reader::open_readfile(path);
                Some(Arc::new(read.map_err(|why| format!("geoip.database {}: {why}", path.display()))?))
            }
            None => None,
        };
        *self.geo.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Tells `device_kind`, `device_brand` and `device_os` of a user agent and its client hints.
    pub fn device(&self, agent: &str, hints: &Hints<'_>, mut tell: impl FnMut(&str, Value)) {
        let Some(device) = self.devices.get(agent) else { return };
        for (name, value) in Device::clone(&device).hinted(hints).properties() {
            tell(name, Value::Text(value));
        }
    }

    /// Tells `country` (ISO alpha-2) and `city` of an address.
    pub fn place(&self, address: &str, mut tell: impl FnMut(&str, Value)) {
        let geo = self.geo.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(geo), Ok(address)) = (geo, address.trim().parse::<IpAddr>()) else { return };
        let Ok(found) = geo.lookup(address) else { return };
        let Ok(Some(city)) = found.decode::<maxminddb::geoip2::City<'_>>() else { return };
        if let Some(code) = city.country.iso_code {
            tell("country", Value::text(code));
        }
        if let Some(name) = city.city.names.english {
            tell("city", Value::text(name));
        }
    }
}
