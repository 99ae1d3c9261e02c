//! Counting the segments by hand: one plain pass over the files, as of one instant. It shares nothing with what it
//! judges.

use crate::input;
use crate::members::{Members, Sets};
use crate::world::DAY;
use std::collections::BTreeSet;

/// What is counted of somebody; windows are open at their beginning: an event so long ago is out.
#[derive(Clone, Default)]
struct Seen {
    any_week: bool,
    pages_week: u32,
    pages_day: u32,
    low_pages_two_days: u32,
    views_day: u32,
    popular_three_days: u32,
    products_week: BTreeSet<u32>,
    added_six_hours: u32,
    added_day: u32,
    added_three_days: u32,
    clicks_three_days: u32,
    clicks_month: u32,
    orders_six_hours: u32,
    orders_day: u32,
    orders_fortnight: u32,
    orders_month: u32,
    orders: u32,
    first_order_ago: i64,
    cents_week: i64,
    cents_month: i64,
    largest_month: i64,
}

impl Seen {
    fn event(&mut self, event: &input::Event<'_>, ago: i64) {
        let within = |length: i64| u32::from(ago < length);
        let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
        self.any_week |= ago < 7 * DAY;
        match event.name {
            "Page Viewed" => {
                self.pages_week += within(7 * DAY);
                self.pages_day += within(DAY);
                self.low_pages_two_days += within(2 * DAY) * u32::from(number(event.page) < 5);
            }
            "Product Viewed" => {
                self.views_day += within(DAY);
                self.popular_three_days += within(3 * DAY) * u32::from(number(event.product) < 50);
                if ago < 7 * DAY {
                    self.products_week.insert(number(event.product));
                }
            }
            "Product Added" => {
                self.added_six_hours += within(DAY / 4);
                self.added_day += within(DAY);
                self.added_three_days += within(3 * DAY);
            }
            "Link Clicked" => {
                self.clicks_three_days += within(3 * DAY);
                self.clicks_month += within(30 * DAY);
            }
            _ => self.order(event.cents(), ago),
        }
    }

    fn order(&mut self, cents: i64, ago: i64) {
        let within = |length: i64| u32::from(ago < length);
        self.orders += 1;
        self.first_order_ago = self.first_order_ago.max(ago);
        self.orders_six_hours += within(DAY / 4);
        self.orders_day += within(DAY);
        self.orders_fortnight += within(14 * DAY);
        self.orders_month += within(30 * DAY);
        self.cents_week += cents * i64::from(within(7 * DAY));
        if ago < 30 * DAY {
            self.cents_month += cents;
            self.largest_month = self.largest_month.max(cents);
        }
    }

    /// Whether they are in each of the segments, in order.
    fn is_in(&self, person: &input::Person<'_>) -> [bool; 20] {
        let country = |code: &str| person.country == code;
        let (female, male) = (person.gender == "female", person.gender == "male");
        let (second, thirteenth) = (self.cents_week >= 50_000, self.largest_month >= 30_000);
        [
            country("MX") && self.orders_month >= 2,
            second,
            self.views_day > 0 && self.orders_day == 0,
            female && self.clicks_three_days > 0,
            self.pages_week >= 10,
            self.added_six_hours > 0 && self.orders_six_hours == 0,
            (country("MX") || country("AR")) && self.cents_month >= 100_000,
            self.orders > 0 && self.orders_fortnight == 0,
            !self.any_week,
            self.orders_month >= 2 && self.cents_month >= 15_000 * i64::from(self.orders_month),
            self.products_week.len() >= 5,
            self.popular_three_days > 0 && self.added_three_days == 0,
            thirteenth,
            self.orders > 0 && self.first_order_ago < 7 * DAY,
            male && (self.views_day >= 3 || self.added_day >= 1),
            self.clicks_month >= 3 && self.orders_month == 0,
            country("US") && female && self.low_pages_two_days > 0,
            country("BR") && (1..=2).contains(&self.orders_month),
            (second || thirteenth) && !country("MX"),
            self.pages_day > 0 && self.clicks_month == 0,
        ]
    }
}

/// Who is in each segment at an instant, milliseconds, by the first so many events.
pub fn sets(people: &str, events: &str, (now, first): (i64, u64)) -> Sets {
    let people: Vec<input::Person<'_>> = input::people(people).collect();
    let mut seen = vec![Seen::default(); people.len()];
    for event in input::events(events).take(first as usize).filter(|event| event.millis <= now) {
        seen[event.person as usize].event(&event, now - event.millis);
    }
    let mut members = vec![Vec::new(); 20];
    for (person, seen) in people.iter().zip(&seen) {
        let places = seen.is_in(person).into_iter().enumerate().filter(|(_, is)| *is);
        places.for_each(|(place, _)| members[place].push(person.number));
    }
    members.into_iter().enumerate().map(|(place, people)| (place + 1, Members::of(people))).collect()
}

#[cfg(test)]
mod tests {
    use super::sets;
    use crate::world::DAY;

    #[test]
    fn windows_are_open_at_their_beginning_and_closed_at_their_end() {
        let people = "person,country,gender\n0,MX,female\n1,US,\n";
        let line = |id: u64, millis: i64| format!("{id},{id},Link Clicked,{millis},,,3\n");
        let events = format!("id,person,name,ts,total_cents,product,page\n{}{}", line(0, 1), line(1, DAY));
        let sizes = |now: i64| {
            let sets = sets(people, &events, (now, 2));
            [4, 9, 16].map(|number| sets[&number].size)
        };
        assert_eq!(sizes(0), [0, 2, 0]);
        assert_eq!(sizes(1), [1, 1, 0]);
        assert_eq!(sizes(3 * DAY), [1, 0, 0]);
        assert_eq!(sizes(3 * DAY + 1), [0, 0, 0]);
        assert_eq!(sizes(7 * DAY + 1), [0, 1, 0]);
    }
}
