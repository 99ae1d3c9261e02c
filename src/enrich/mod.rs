//! What a user agent and an address tell: device and place. Done before the log, so that a
//! replay needs no database of the day.

mod device;

pub use device::{Device, is_bot};

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

type Geo = maxminddb::Reader<Vec<u8>>;

/// Device and place lookups.
#[derive(Default)]
pub struct Enrich {
    geo: RwLock<Option<Arc<Geo>>>,
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

    /// `device_kind`, `device_brand` and `device_os` of a user agent.
    pub fn device(&self, agent: &str) -> Vec<(&'static str, String)> {
        Device::parse(agent).map(Device::properties).unwrap_or_default()
    }

    /// `country` (ISO alpha-2) and `city` of an address.
    pub fn place(&self, address: &str) -> Vec<(&'static str, String)> {
        let geo = self.geo.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(geo), Ok(address)) = (geo, address.trim().parse::<IpAddr>()) else { return Vec::new() };
        let Ok(found) = geo.lookup(address) else { return Vec::new() };
        let Ok(Some(city)) = found.decode::<maxminddb::geoip2::City<'_>>() else { return Vec::new() };
        let mut place = Vec::new();
        place.extend(city.country.iso_code.map(|code| ("country", code.to_owned())));
        place.extend(city.city.names.english.map(|name| ("city", name.to_owned())));
        place
    }
}
