//! What a question to the seller says: that somebody asked, and that it was answered. Custom actions of whoever asked.

use crate::context::{Context, QUESTION, pointer, put};
use crate::wire::Question;
use kit::receive::{Facts, Version};
use model::{Map, Time};

/// Somebody asked about an article.
const ASKED: &str = "Question Asked";
/// The seller answered.
const ANSWERED: &str = "Question Answered";
/// Statuses of what nobody is to see any more.
const HIDDEN: [&str; 3] = ["BANNED", "DELETED", "DISABLED"];
/// Characters that are kept of a question.
const TEXT_CHARS_MAX: usize = 2_000;

impl Question {
    /// When something last became of it.
    pub(crate) fn updated(&self) -> Option<Time> {
        self.answer.date_created.max(self.date_created)
    }

    /// Everything that it says; nothing of one that is hidden or of nobody.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Facts {
        let mut facts = Facts::default();
        let is_hidden = |status: &Option<String>| status.as_deref().is_some_and(|one| HIDDEN.contains(&one));
        let (Some(id), Some(asked)) = (self.id.as_deref(), self.date_created) else { return facts };
        facts.versions.push(Version { thing: pointer(QUESTION, id), updated: self.updated().unwrap_or(asked) });
        let who = self.from.id.as_deref().or(self.buyer_id.as_deref()).map(|id| context.buyer(id));
        let Some(who) = who.filter(|_| !is_hidden(&self.status)) else { return facts };
        let mut properties = Map::new();
        put(&mut properties, "question_id", Some(id));
        put(&mut properties, "product_id", self.item_id.as_deref());
        let answered = self.answer.date_created.filter(|_| !is_hidden(&self.answer.status));
        if let Some(at) = answered {
            let named = (format!("question:{id}:answered"), at);
            facts.events.push(context.activity(ANSWERED, named, &who, properties.clone()));
        }
        let text: Option<String> = self.text.as_ref().map(|text| text.chars().take(TEXT_CHARS_MAX).collect());
        put(&mut properties, "text", text.as_deref());
        facts.events.push(context.activity(ASKED, (format!("question:{id}"), asked), &who, properties));
        facts
    }
}
