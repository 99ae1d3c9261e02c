//! stub
/// p
#[derive(Default)]
pub struct Plan;
/// t
#[derive(Default)]
pub struct TouchedBy {
    /// e
    pub events: std::collections::BTreeSet<String>,
    /// a
    pub any_event: bool,
    /// o
    pub orders: bool,
    /// p
    pub properties: std::collections::BTreeSet<String>,
    /// t
    pub timed: bool,
}
impl Plan {
    /// t
    pub fn touched_by(&self) -> TouchedBy {
        TouchedBy::default()
    }
}
/// c
pub fn compile(_d: &crate::language::Definition, _z: jiff::tz::TimeZone, _c: &str, _r: u32) -> Result<Plan, String> {
    Ok(Plan)
}
