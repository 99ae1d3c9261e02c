//! The platform's sites: one for each country, with its currency, its time and where sellers log in.

/// A site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// Its id.
    pub(crate) id: &'static str,
    /// Its currency (ISO 4217).
    pub(crate) currency: &'static str,
    /// Where its sellers agree.
    pub(crate) login: &'static str,
    /// Its zone (tz database).
    pub(crate) zone: &'static str,
}

const fn site(id: &'static str, currency: &'static str, login: &'static str, zone: &'static str) -> Site {
    Site { id, currency, login, zone }
}

/// All of them.
const SITES: [Site; 18] = [
    site("MLA", "ARS", "auth.mercadolibre.com.ar", "America/Argentina/Buenos_Aires"),
    site("MLB", "BRL", "auth.mercadolivre.com.br", "America/Sao_Paulo"),
    site("MLM", "MXN", "auth.mercadolibre.com.mx", "America/Mexico_City"),
    site("MCO", "COP", "auth.mercadolibre.com.co", "America/Bogota"),
    site("MLC", "CLP", "auth.mercadolibre.cl", "America/Santiago"),
    site("MLU", "UYU", "auth.mercadolibre.com.uy", "America/Montevideo"),
    site("MPE", "PEN", "auth.mercadolibre.com.pe", "America/Lima"),
    site("MLV", "VES", "auth.mercadolibre.com.ve", "America/Caracas"),
    site("MEC", "USD", "auth.mercadolibre.com.ec", "America/Guayaquil"),
    site("MBO", "BOB", "auth.mercadolibre.com.bo", "America/La_Paz"),
    site("MPY", "PYG", "auth.mercadolibre.com.py", "America/Asuncion"),
    site("MCR", "CRC", "auth.mercadolibre.co.cr", "America/Costa_Rica"),
    site("MPA", "PAB", "auth.mercadolibre.com.pa", "America/Panama"),
    site("MRD", "DOP", "auth.mercadolibre.com.do", "America/Santo_Domingo"),
    site("MGT", "GTQ", "auth.mercadolibre.com.gt", "America/Guatemala"),
    site("MHN", "HNL", "auth.mercadolibre.com.hn", "America/Tegucigalpa"),
    site("MNI", "NIO", "auth.mercadolibre.com.ni", "America/Managua"),
    site("MSV", "USD", "auth.mercadolibre.com.sv", "America/El_Salvador"),
];

/// The site of an id, in whatever case it is written.
pub(crate) fn find(id: &str) -> Option<&'static Site> {
    SITES.iter().find(|site| site.id.eq_ignore_ascii_case(id.trim()))
}

/// The ids, for people.
pub(crate) fn ids() -> String {
    SITES.map(|site| site.id).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_site_is_found_and_has_a_place_of_its_own() {
        let logins: BTreeSet<&str> = SITES.iter().map(|site| site.login).collect();
        assert_eq!(logins.len(), SITES.len());
        for site in &SITES {
            assert_eq!(find(&site.id.to_lowercase()), Some(site));
            assert!(site.currency.len() == 3 && site.zone.starts_with("America/"), "{site:?}");
        }
        assert_eq!(find("mlb ").map(|site| (site.currency, site.login)), Some(("BRL", "auth.mercadolivre.com.br")));
        assert_eq!((find("CBT"), find("")), (None, None));
    }
}
