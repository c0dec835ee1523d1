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

fn delivered(queue: &NotificationQueue) -> Vec<(String, i64)> {
    queue.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.at_ms)).collect()
}

#[test]
fn an_alert_waits_as_its_latest_transition_in_its_old_place() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("a", Resolved, 3)]);
    let message = queue.next("pager", 100).unwrap();
    assert_eq!(message.transitions, [transition("a", Resolved, 3), transition("b", Firing, 2)].map(Arc::new));
    assert_eq!(delivered(&queue), [("a".to_owned(), 1)], "it is superseded");
    queue.done("pager", &message, DeliveryOutcome::Accepted);
    assert_eq!(delivered(&queue), [("a".to_owned(), 3), ("b".to_owned(), 2)]);
    assert_eq!((queue.next("pager", 100), queue.firing("pager").len()), (None, 1));
}

#[test]
fn what_changes_while_it_is_sent_is_sent_again() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    let sent = queue.next("pager", 100).unwrap();
    take(&queue, &[transition("a", Resolved, 2)]);
    queue.done("pager", &sent, DeliveryOutcome::Accepted);
    assert_eq!(queue.next("pager", 100).unwrap().transitions, [Arc::new(transition("a", Resolved, 2))]);
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
        let group = queue.next("pager", 100).unwrap();
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
    assert_eq!(queue.next("pager", 100), None);
}

#[test]
fn an_output_that_is_added_gets_what_is_firing() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("b", Resolved, 3)]);
    queue.replace([output("pager", Route::default()), output("other", Route::default())]);
    assert_eq!(queue.next("other", 100).unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
}

#[test]
fn an_output_that_no_longer_takes_an_alert_is_told_its_end_and_one_that_does_now_its_beginning() {
    let queue = queue();
    take(&queue, &[transition("a", Firing, 1)]);
    let sent = queue.next("pager", 100).unwrap();
    queue.done("pager", &sent, DeliveryOutcome::Accepted);
    let none = Route { alerts: vec!["other".to_owned()], ..Route::default() };
    let some = Route { alerts: vec!["spike".to_owned()], ..Route::default() };
    queue.replace([output("pager", none.clone()), output("mail", none.clone())]);
    assert_eq!(queue.next("mail", 100), None);
    queue.replace([output("pager", none.clone()), output("mail", some)]);
    assert_eq!(queue.next("mail", 100).unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
    assert_eq!(queue.next("pager", 100), None, "it was told already");
    take(&queue, &[transition("a", Resolved, 2), transition("b", Firing, 3)]);
    let resolved = [Arc::new(transition("a", Resolved, 2))];
    assert_eq!(queue.next("pager", 100).unwrap().transitions, resolved);
    assert_eq!(queue.next("mail", 100).unwrap().transitions.len(), 2);
}
