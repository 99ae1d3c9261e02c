//! stub
pub mod subject;
use crate::plan::Plan;
use model::Time;
use subject::Subject;
/// t
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tri {
    /// t
    True,
    /// f
    False,
    /// u
    Unknown,
}
/// o
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// v
    pub value: Tri,
    /// u
    pub until: Time,
}
/// e
pub fn evaluate(_p: &Plan, _s: &dyn Subject, _n: Time) -> Outcome {
    Outcome { value: Tri::False, until: Time::MAX }
}
/// e
pub fn explain(_p: &Plan, _s: &dyn Subject, _n: Time) -> serde_json::Value {
    serde_json::Value::Null
}
