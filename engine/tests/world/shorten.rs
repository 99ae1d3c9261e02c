//! Makes a failing world as short as it gets while it still fails in the same way.

use super::steps::{Action, World};
use model::{Command, Event, SegmentDefinition};
use serde_json::Value as Json;

/// Whether a world still fails in the way that matters.
pub type Fails<'a> = &'a dyn Fn(&World) -> bool;

/// Removes steps, then parts of definitions and events, for as long as that goes on.
pub fn shorten(world: &World, fails: Fails<'_>) -> World {
    let mut shortest = world.clone();
    loop {
        let before = size(&shortest);
        remove_steps(&mut shortest, fails);
        simplify(&mut shortest, fails);
        if size(&shortest) == before {
            return shortest;
        }
    }
}

fn size(world: &World) -> usize {
    world.to_string().len()
}

fn remove_steps(world: &mut World, fails: Fails<'_>) {
    let mut run = (world.steps.len() / 2).max(1);
    loop {
        let mut at = world.settled.min(world.steps.len());
        while at < world.steps.len() {
            let mut shorter = world.clone();
            shorter.steps.drain(at..(at + run).min(world.steps.len()));
            if fails(&shorter) {
                *world = shorter;
            } else {
                at += run;
            }
        }
        if run == 1 {
            return;
        }
        run /= 2;
    }
}

fn simplify(world: &mut World, fails: Fails<'_>) {
    for at in 0..world.steps.len() {
        loop {
            let shorter = simpler(&world.steps[at].action).into_iter().find_map(|action| {
                let mut shorter = world.clone();
                shorter.steps[at].action = action;
                fails(&shorter).then_some(shorter)
            });
            match shorter {
                Some(shorter) => *world = shorter,
                None => break,
            }
        }
    }
}

fn simpler(action: &Action) -> Vec<Action> {
    match action {
        Action::Command(Command::Event(event)) => {
            simpler_events(event).into_iter().map(|event| Action::Command(Command::Event(Box::new(event)))).collect()
        }
        Action::Command(command @ (Command::SegmentPut(put) | Command::SegmentPrepare(put))) => {
            let definition: Json = serde_json::from_str(&put.definition).expect("a definition");
            let with = |definition: Json| {
                let put = SegmentDefinition { definition: definition.to_string(), ..put.clone() };
                Action::Command(match command {
                    Command::SegmentPut(_) => Command::SegmentPut(put),
                    _ => Command::SegmentPrepare(put),
                })
            };
            simpler_definitions(&definition).into_iter().map(with).collect()
        }
        Action::Chase(count) if *count > 1 => vec![Action::Chase(count - 1)],
        _ => Vec::new(),
    }
}

fn simpler_events(event: &Event) -> Vec<Event> {
    let mut simpler = Vec::new();
    let mut without = |change: &dyn Fn(&mut Event)| {
        let mut shorter = event.clone();
        change(&mut shorter);
        simpler.push(shorter);
    };
    for name in event.properties.keys() {
        without(&|event| drop(event.properties.remove(name)));
    }
    for name in event.traits.keys() {
        without(&|event| drop(event.traits.remove(name)));
    }
    for index in 0..event.consent.len() {
        without(&|event| drop(event.consent.remove(index)));
    }
    for index in 0..event.identities.len() {
        if event.identities.len() > 1 {
            without(&|event| drop(event.identities.remove(index)));
        }
    }
    simpler
}

fn simpler_definitions(definition: &Json) -> Vec<Json> {
    let mut simpler = Vec::new();
    for key in ["all", "any"] {
        let Some(parts) = definition[key].as_array() else { continue };
        simpler.extend(parts.iter().cloned());
        for (index, part) in parts.iter().enumerate() {
            let replaced = |with: Option<Json>| {
                let mut parts = parts.clone();
                parts.splice(index..=index, with);
                serde_json::json!({key: parts})
            };
            if parts.len() > 1 {
                simpler.push(replaced(None));
            }
            simpler.extend(simpler_definitions(part).into_iter().map(|part| replaced(Some(part))));
        }
    }
    if let Some(part) = definition.get("not") {
        simpler.push(part.clone());
        simpler.extend(simpler_definitions(part).into_iter().map(|part| serde_json::json!({"not": part})));
    }
    if definition.get("event").is_some() {
        for key in ["where", "window"] {
            let mut shorter = definition.clone();
            if shorter.as_object_mut().and_then(|node| node.remove(key)).is_some() {
                simpler.push(shorter);
            }
        }
    }
    simpler
}
