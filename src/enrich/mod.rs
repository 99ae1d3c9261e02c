//! What a user agent, a network address and a phone number tell: device, place, mobile operator. Done before
//! the log, so that a replay needs no database of the day.

mod cache;
mod device;
mod ranges;

pub use device::{Device, Hints, is_bot};

use crate::shard::api::Edge;
use cache::DeviceCache;
use model::{Event, IdentityKind, Value};
use ranges::Ranges;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

type Geo = maxminddb::Reader<Vec<u8>>;

/// Device, place and operator lookups.
#[derive(Default)]
pub struct Enrich {
    geo: RwLock<Option<Arc<Geo>>>,
    ranges: RwLock<Arc<Ranges>>,
    devices: DeviceCache,
}

impl Enrich {
    /// Opens the GeoIP database (MaxMind format, city edition) and the file of number ranges, if there are paths.
    pub fn open(geo: Option<&Path>, ranges: Option<&Path>) -> Result<Enrich, String> {
        let enrich = Enrich::default();
        enrich.reload_geo(geo)?;
        enrich.reload_ranges(ranges)?;
        Ok(enrich)
    }

    /// Reads the file of number ranges anew.
    pub fn reload_ranges(&self, path: Option<&Path>) -> Result<(), String> {
        let read = match path {
            Some(path) => Ranges::read(path).map_err(|why| format!("phone.ranges {}: {why}", path.display()))?,
            None => Ranges::default(),
        };
        *self.ranges.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        Ok(())
    }

    /// Opens the database anew.
    pub fn reload_geo(&self, path: Option<&Path>) -> Result<(), String> {
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

    /// Tells `geo_country` (ISO alpha-2), `geo_region` and `geo_city` of a network address.
    pub fn place(&self, address: &str, mut tell: impl FnMut(&str, Value)) {
        let geo = self.geo.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(geo), Ok(address)) = (geo, address.trim().parse::<IpAddr>()) else { return };
        let Ok(found) = geo.lookup(address) else { return };
        let Ok(Some(city)) = found.decode::<maxminddb::geoip2::City<'_>>() else { return };
        if let Some(code) = city.country.iso_code {
            tell("geo_country", Value::text(code));
        }
        if let Some(name) = city.subdivisions.first().and_then(|region| region.names.english) {
            tell("geo_region", Value::text(name));
        }
        if let Some(name) = city.city.names.english {
            tell("geo_city", Value::text(name));
        }
    }
}

impl Edge for Enrich {
    /// Tells `phone_country` and `phone_operator` of an event's phone number: its trait, else the smallest
    /// number that it names.
    fn tell(&self, event: &mut Event) {
        let named = || {
            let phones = event.identities.iter().filter(|identity| identity.kind == IdentityKind::Phone);
            phones.map(|identity| identity.value.as_str()).min()
        };
        let number = match event.traits.get("phone") {
            Some(Value::Text(number)) => Some(number.as_str()),
            _ => named(),
        };
        let Some(number) = number else { return };
        let ranges = Arc::clone(&self.ranges.read().unwrap_or_else(PoisonError::into_inner));
        let operator = ranges.operator(number).map(Value::text);
        let country = kit::normalize::phone_country(number).map(Value::Text);
        for (name, value) in [("phone_country", country), ("phone_operator", operator)] {
            if let Some(value) = value {
                event.traits.entry(name.to_owned()).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EventKind, Identity, Map, Time};

    fn event(identities: Vec<Identity>, traits: &[(&str, &str)]) -> Event {
        Event {
            source: "web".into(),
            message_id: "m".to_owned(),
            kind: EventKind::Profile,
            time: Time(0),
            received: Time(0),
            identities,
            properties: Map::new(),
            traits: traits.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect(),
            consent: Vec::new(),
        }
    }

    #[test]
    fn a_phone_tells_its_country_and_operator_and_what_is_said_stays() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "+5255,Telcel\n").unwrap();
        let enrich = Enrich::open(None, Some(file.path())).unwrap();
        let told = |mut event: Event| {
            enrich.tell(&mut event);
            ["phone_country", "phone_operator"].map(|name| event.traits.get(name).cloned())
        };
        let both = [Some(Value::text("MX")), Some(Value::text("Telcel"))];
        assert_eq!(told(event(Vec::new(), &[("phone", "+525512345678")])), both);
        assert_eq!(told(event(vec![Identity::phone("+525512345678")], &[])), both);
        let said = told(event(Vec::new(), &[("phone", "+525512345678"), ("phone_operator", "Movistar")]));
        assert_eq!(said[1], Some(Value::text("Movistar")));
        assert_eq!(told(event(vec![Identity::email("a@x.mx")], &[])), [None, None]);
        enrich.reload_ranges(None).unwrap();
        assert_eq!(told(event(vec![Identity::phone("+525512345678")], &[]))[1], None);
        assert!(Enrich::open(None, Some(Path::new("/nowhere"))).err().unwrap().contains("phone.ranges /nowhere"));
    }
}
