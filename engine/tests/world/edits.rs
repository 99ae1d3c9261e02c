//! Edits of segments and lists, and what comes while segments are built.

use super::definitions;
use super::generate::Maker;
use super::steps::Action;
use model::{Channel, Command, ListDefinition, ListIdentifier, ListMode, Record};

impl Maker {
    pub(super) fn segment(&mut self, id: &str) {
        // A segment may ask for those before it: never in a cycle.
        let others: &[&str] = match id {
            "s1" => &["s0"],
            "s2" => &["s0", "s1"],
            "s3" => &["s0", "s1", "s2"],
            _ => &[],
        };
        let definition = definitions::definition(&mut self.dice, self.script.now, others);
        self.script.put_segment(id, &definition);
    }

    /// A definition that waits, once it is built, until it is put in force or cancelled.
    fn prepare(&mut self, id: &str) {
        self.segment(id);
        if let Some(Record { command, .. }) = self.script.records.last_mut()
            && let Command::SegmentPut(put) = command
        {
            *command = Command::SegmentPrepare(put.clone());
        }
    }

    /// What may come while a segment is built.
    fn amid(&mut self, id: &str) {
        for _ in 0..1 + self.dice.below(3) {
            self.action(Action::BuildSome(1 + self.dice.clone().below(2) as u8));
            match self.dice.below(10) {
                0 | 1 => {
                    let identity = self.strong();
                    self.script.push(Command::Erase { identity });
                }
                2 => drop(self.script.push(Command::SegmentDelete { id: id.into() })),
                3 => self.action(Action::Cancel(id.into())),
                4 => self.action(Action::Activate(id.into())),
                5 => self.prepare(id),
                6 => self.segment(id),
                _ => self.event(),
            }
            self.flush();
            if self.dice.chance(50) {
                self.action(Action::Look);
            }
        }
    }

    pub(super) fn list(&mut self, id: &str) {
        let consent = self.dice.one(&[None, None, Some(Channel::Email), Some(Channel::Sms)]);
        let identifier = self.dice.one(&[
            ListIdentifier::Person,
            ListIdentifier::Email,
            ListIdentifier::Phone,
            ListIdentifier::User("web".into()),
            ListIdentifier::Platform("shop".into()),
        ]);
        let segment = self.dice.pick(&["s0", "s1"]).into();
        self.script.list(ListDefinition { id: id.into(), segment, identifier, consent, mode: ListMode::Mirror });
    }

    pub(super) fn edit(&mut self) {
        match self.dice.below(10) {
            0..4 => {
                let id = self.dice.pick(&["s0", "s1", "s2", "s3"]);
                match self.dice.below(10) {
                    0..5 => self.segment(id),
                    5 => self.action(Action::Activate(id.into())),
                    6 => self.action(Action::Cancel(id.into())),
                    _ => self.prepare(id),
                }
                if self.dice.chance(30) {
                    self.amid(id);
                }
            }
            4 | 5 => {
                let id = self.dice.pick(&["s2", "s3"]).into();
                self.script.push(Command::SegmentDelete { id });
            }
            6 | 7 => {
                let id = self.dice.pick(&["l0", "l1"]);
                self.list(id);
            }
            _ => {
                let id = self.dice.pick(&["l0", "l1"]).into();
                self.script.push(Command::ListDelete { id, empty: self.dice.chance(50) });
            }
        }
        match self.dice.below(8) {
            0..5 => self.action(Action::Build),
            5 | 6 => self.action(Action::BuildSome(1 + self.dice.clone().below(2) as u8)),
            _ => (),
        }
    }
}
