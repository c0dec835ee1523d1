use super::*;
use crate::event::AlertState::{Firing, Resolved};
use crate::event::{AlertEvent, AlertState};
use crate::store::Dispatcher;

fn transition(name: &str, state: AlertState, at_ms: i64) -> TransitionRecord {
    let (alert, fingerprint) = ("spike".to_owned(), name.to_owned());
    TransitionRecord { at_ms, event: AlertEvent { alert, state, fingerprint, ..AlertEvent::default() } }
}

fn queue() -> NotificationQueue {
    let queue = NotificationQueue::default();
    queue.replace([output("pager", Route::default())]);
    queue
}

fn output(name: &str, route: Route) -> (String, Route) {
    (name.to_owned(), Route { output: name.to_owned(), ..route })
}

fn take(queue: &NotificationQueue, transitions: &[TransitionRecord]) {
    let outputs: Vec<_> = transitions.iter().map(|new| queue.outputs(&new.event)).collect();
    queue.take(transitions, &outputs);
}

fn next_as(queue: &NotificationQueue, output: &str, endings: Endings) -> Option<NotificationGroup> {
    let key = queue.waiting(output).first()?.key.clone();
    queue.group(output, &key, 100, endings)
}

fn next(queue: &NotificationQueue, output: &str) -> Option<NotificationGroup> {
    next_as(queue, output, Endings::Together)
}

fn delivered(queue: &NotificationQueue) -> Vec<(String, i64)> {
    queue.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.at_ms)).collect()
}

#[test]
fn an_alert_waits_as_its_latest_transition_in_its_old_place() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("a", Resolved, 3)]);
    let message = next(&queue, "pager").unwrap();
    assert_eq!(message.transitions, [transition("a", Resolved, 3), transition("b", Firing, 2)].map(Arc::new));
    assert_eq!(delivered(&queue), [], "that it fired is in the message");
    assert_eq!(message.untold["a"], Arc::new(transition("a", Firing, 1)));
    queue.done("pager", &message, DeliveryOutcome::Accepted);
    assert_eq!(delivered(&queue), [("a".to_owned(), 1), ("a".to_owned(), 3), ("b".to_owned(), 2)]);
    assert_eq!((next(&queue, "pager"), queue.firing("pager").len()), (None, 1));
}

#[test]
fn what_changes_while_it_is_sent_is_sent_again() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    let sent = next(&queue, "pager").unwrap();
    take(&queue, &[transition("a", Resolved, 2)]);
    queue.done("pager", &sent, DeliveryOutcome::Accepted);
    assert_eq!(next(&queue, "pager").unwrap().transitions, [Arc::new(transition("a", Resolved, 2))]);
}

#[test]
fn what_ended_before_it_was_told_is_told_as_a_beginning_and_then_an_end_to_those_that_keep_incidents() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("a", Resolved, 2)]);
    for (state, at_ms) in [(Firing, 1), (Resolved, 2)] {
        let group = next_as(&queue, "pager", Endings::Apart).unwrap();
        assert_eq!(group.transitions, [Arc::new(transition("a", state, at_ms))]);
        assert!(group.untold.is_empty());
        queue.done("pager", &group, DeliveryOutcome::Accepted);
        assert_eq!(delivered(&queue), [("a".to_owned(), at_ms)]);
    }
    assert_eq!((next(&queue, "pager"), queue.firing("pager").len()), (None, 0));
}

#[test]
fn of_what_fired_several_times_the_last_is_told_and_the_others_are_counted() {
    let queue = queue();
    let states = [(Firing, 1), (Resolved, 2), (Firing, 3), (Resolved, 4), (Firing, 5), (Resolved, 6)];
    take(&queue, &states.map(|(state, at_ms)| transition("a", state, at_ms)));
    let group = next(&queue, "pager").unwrap();
    assert_eq!(group.transitions, [Arc::new(transition("a", Resolved, 6))]);
    assert_eq!((group.untold["a"].at_ms, group.earlier["a"].count), (5, 2));
    assert_eq!(outcomes(&queue), [(); 4].map(|()| ("a".to_owned(), DeliveryOutcome::Abandoned)));
}

/// What an output is sent, one message after another, with how each is answered and what happens while it is sent.
fn sent(queue: &NotificationQueue, endings: Endings) -> Vec<(AlertState, i64)> {
    let mut sent = Vec::new();
    while let Some(group) = next_as(queue, "pager", endings) {
        sent.extend(group.transitions.iter().map(|sent| (sent.event.state, sent.at_ms)));
        queue.done("pager", &group, DeliveryOutcome::Accepted);
    }
    sent
}

#[test]
fn an_incident_that_is_open_ends_before_the_next_one_begins() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    assert_eq!(sent(&queue, Endings::Apart), [(Firing, 1)]);
    let states = [(Resolved, 2), (Firing, 3), (Resolved, 4), (Firing, 5)];
    take(&queue, &states.map(|(state, at_ms)| transition("a", state, at_ms)));
    assert_eq!(sent(&queue, Endings::Apart), [(Resolved, 2), (Firing, 5)]);
    assert_eq!(queue.firing("pager").len(), 1);
}

#[test]
fn an_incident_that_begins_while_another_one_is_being_opened_is_another_one() {
    enum Answer {
        Taken,
        None,
        NotTaken,
    }
    for (answer, expected) in [
        (Answer::Taken, &[(Resolved, 2), (Firing, 5)][..]),
        (Answer::None, &[(Firing, 1), (Resolved, 2), (Firing, 5)]),
        (Answer::NotTaken, &[(Firing, 5)]),
    ] {
        let queue = queue();
        take(&queue, &[transition("a", Firing, 1)]);
        let opening = next_as(&queue, "pager", Endings::Apart).unwrap();
        let states = [(Resolved, 2), (Firing, 3), (Resolved, 4), (Firing, 5)];
        take(&queue, &states.map(|(state, at_ms)| transition("a", state, at_ms)));
        match answer {
            Answer::Taken => queue.done("pager", &opening, DeliveryOutcome::Accepted),
            Answer::None => {}
            Answer::NotTaken => queue.not_taken("pager", &opening),
        }
        assert_eq!(sent(&queue, Endings::Apart), expected);
    }
}

#[test]
fn an_incident_that_may_have_been_opened_before_a_restart_ends_before_the_next_one_begins() {
    let queue = queue();
    let states = [(Firing, 1), (Resolved, 2), (Firing, 3), (Resolved, 4), (Firing, 5)];
    let pending = states.map(|(state, at_ms)| ("pager".to_owned(), transition("a", state, at_ms)));
    queue.restore(pending.to_vec(), Vec::new(), Vec::new());
    assert_eq!(sent(&queue, Endings::Apart), [(Firing, 1), (Resolved, 2), (Firing, 5)]);
}

#[test]
fn an_output_that_comes_back_gets_what_waits_and_nothing_twice() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    assert_eq!(sent(&queue, Endings::Apart), [(Firing, 1)]);
    queue.replace([]);
    assert_eq!(queue.reports(), []);
    take(&queue, &[transition("a", Resolved, 2), transition("b", Firing, 3)]);
    take(&queue, &[transition("b", Resolved, 4), transition("c", Firing, 5)]);
    queue.replace([output("pager", Route::default())]);
    let mut all = Vec::new();
    while let Some(group) = next_as(&queue, "pager", Endings::Apart) {
        all.extend(group.transitions.iter().map(|sent| (sent.event.fingerprint.clone(), sent.at_ms)));
        queue.done("pager", &group, DeliveryOutcome::Accepted);
    }
    assert_eq!(all, [("a".to_owned(), 2), ("c".to_owned(), 5)]);
}

#[test]
fn what_waits_for_an_output_that_is_gone_at_the_start_is_given_up() {
    let queue = queue();
    queue.restore(vec![("gone".to_owned(), transition("a", Firing, 1))], Vec::new(), Vec::new());
    assert_eq!(outcomes(&queue), [("a".to_owned(), DeliveryOutcome::Abandoned)]);
}

#[test]
fn an_incident_ends_under_the_name_of_the_machine_under_which_it_began() {
    let queue = queue();
    let named = |host: &str, state, at_ms| {
        let TransitionRecord { event, .. } = transition("a", state, at_ms);
        TransitionRecord { at_ms, event: AlertEvent { host: host.to_owned(), ..event } }
    };
    take(&queue, &[named("old", Firing, 1)]);
    assert_eq!(sent(&queue, Endings::Apart), [(Firing, 1)]);
    take(&queue, &[named("new", Resolved, 2)]);
    let group = next_as(&queue, "pager", Endings::Apart).unwrap();
    assert_eq!(group.transitions[0].event.host, "old");
    queue.done("pager", &group, DeliveryOutcome::Accepted);
    assert_eq!(queue.reports()[0].waiting, 0);
}

#[test]
fn people_read_one_message_about_an_end_and_a_new_beginning() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    assert_eq!(sent(&queue, Endings::Together), [(Firing, 1)]);
    queue.delivered();
    take(&queue, &[transition("a", Resolved, 2), transition("a", Firing, 3)]);
    assert_eq!(sent(&queue, Endings::Together), [(Firing, 3)]);
    assert_eq!(delivered(&queue), [("a".to_owned(), 2), ("a".to_owned(), 3)]);
    assert_eq!((queue.firing("pager").len(), queue.reports()[0].waiting), (1, 0));
}

#[test]
fn what_still_fires_beside_a_message_is_known() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2)]);
    let group = next(&queue, "pager").unwrap();
    assert!(group.still_firing.is_empty());
    queue.done("pager", &group, DeliveryOutcome::Accepted);
    take(&queue, &[transition("a", Resolved, 3)]);
    let still = next(&queue, "pager").unwrap().still_firing;
    assert_eq!(still, [Arc::new(transition("b", Firing, 2))]);
}

fn outcomes(queue: &NotificationQueue) -> Vec<(String, DeliveryOutcome)> {
    queue.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.outcome)).collect()
}

#[test]
fn too_many_push_out_the_oldest_which_are_not_delivered() {
    let queue = queue();
    let all: Vec<_> = (0..WAITING_MAX + 2).map(|n| transition(&n.to_string(), Firing, 1)).collect();
    take(&queue, &all);
    assert_eq!(queue.reports()[0].waiting, WAITING_MAX);
    let abandoned = ["0", "1"].map(|name| (name.to_owned(), DeliveryOutcome::Abandoned));
    assert_eq!(outcomes(&queue), abandoned);
    assert_eq!(queue.lock().queues["pager"].given_up, 2);
    queue.report_given_up();
    assert_eq!(queue.lock().queues["pager"].given_up, 0);
}

#[test]
fn only_what_was_in_a_group_is_delivered_and_the_rest_follows() {
    let queue = queue();
    let all: Vec<_> = (0..250).map(|n| transition(&format!("{n:03}"), Firing, 1)).collect();
    take(&queue, &all);
    let mut taken = Vec::new();
    for (size, following) in [(100, 150), (100, 50), (50, 0)] {
        let group = next(&queue, "pager").unwrap();
        assert_eq!((group.transitions.len(), group.following), (size, following));
        queue.done("pager", &group, DeliveryOutcome::Accepted);
        let delivered = outcomes(&queue);
        assert!(delivered.iter().all(|(_, outcome)| *outcome == DeliveryOutcome::Accepted));
        let names: Vec<String> = delivered.into_iter().map(|(name, _)| name).collect();
        let sent: Vec<String> = group.transitions.iter().map(|t| t.event.fingerprint.clone()).collect();
        assert_eq!(names, sent);
        taken.extend(names);
    }
    assert_eq!(taken.len(), 250);
    assert_eq!(next(&queue, "pager"), None);
}

#[test]
fn an_output_that_is_added_gets_what_is_firing() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("b", Resolved, 3)]);
    queue.replace([output("pager", Route::default()), output("other", Route::default())]);
    assert_eq!(next(&queue, "other").unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
}

#[test]
fn an_output_that_no_longer_takes_an_alert_is_told_its_end_and_one_that_does_now_its_beginning() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    let sent = next(&queue, "pager").unwrap();
    queue.done("pager", &sent, DeliveryOutcome::Accepted);
    let none = Route { alerts: vec!["other".to_owned()], ..Route::default() };
    let some = Route { alerts: vec!["spike".to_owned()], ..Route::default() };
    queue.replace([output("pager", none.clone()), output("mail", none.clone())]);
    assert_eq!(next(&queue, "mail"), None);
    queue.replace([output("pager", none.clone()), output("mail", some)]);
    assert_eq!(next(&queue, "mail").unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
    assert_eq!(next(&queue, "pager"), None, "it was notified already");
    take(&queue, &[transition("a", Resolved, 2), transition("b", Firing, 3)]);
    let resolved = [Arc::new(transition("a", Resolved, 2))];
    assert_eq!(next(&queue, "pager").unwrap().transitions, resolved);
    assert_eq!(next(&queue, "mail").unwrap().transitions.len(), 2);
}
