//! What is known today of a person as of an earlier instant, told in order of time.
//!
//! Of what is known today only what happened by then counts; who is who, and to whom an order
//! belongs, is as it is today. A walk over many instants pushes each fact once.

use crate::person::Person;
use crate::person::fact::Fact;
use crate::person::orders::Words;
use model::Time;

/// A person who grows with time: facts are pushed in order of event time, then message.
pub struct Past<'a> {
    facts: Vec<&'a Fact>,
    next: usize,
    then: Person,
    words: Words,
}

impl<'a> Past<'a> {
    /// The person before anything happened. Sorts the facts once; each is copied when its time comes.
    pub fn new(person: &'a Person, words: &Words) -> Past<'a> {
        let mut facts: Vec<&Fact> = person.facts.iter().collect();
        facts.sort_by_key(|fact| (fact.time, fact.message));
        let then = Person {
            no: person.no,
            nodes: person.nodes.clone(),
            id: person.id.clone(),
            oldest_passing: Time::MAX,
            ..Person::default()
        };
        Past { facts, next: 0, then, words: *words }
    }

    /// The person with all that happened up to and including an instant. Instants must not decrease:
    /// an earlier one than before changes nothing.
    pub fn advance(&mut self, to: Time) -> &Person {
        while let Some(fact) = self.facts.get(self.next).filter(|fact| fact.time <= to) {
            self.then.push((*fact).clone(), &self.words);
            self.next += 1;
        }
        &self.then
    }

    /// When the next thing happened that is not part of the person yet.
    pub fn next_fact(&self) -> Option<Time> {
        self.facts.get(self.next).map(|fact| fact.time)
    }
}

impl Person {
    /// Whether anything is known of the person by an instant. Of whom nothing is known at all (a
    /// source took back what it had said) nobody can say since when they are there: always.
    pub fn was_there(&self, at: Time) -> bool {
        self.first_seen.is_none_or(|first| first <= at)
    }
}
