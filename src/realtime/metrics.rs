//! The hub's numbers for Prometheus.

use std::sync::Once;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::hub::HubCounts;

const SOCKETS: &str = "greenroom_sockets";
const SIGNED_IN: &str = "greenroom_sockets_signed_in";
const USERS: &str = "greenroom_users_online";
const ROOMS: &str = "greenroom_rooms_joined";
const DELIVERED: &str = "greenroom_frames_delivered_total";
const DROPPED: &str = "greenroom_deliveries_dropped_total";
const OUT_OF_STEP: &str = "greenroom_sockets_out_of_step_total";
const SHUT: &str = "greenroom_sockets_shut_total";

impl HubCounts {
    /// Puts these numbers into the process's recorder.
    pub fn record(&self) {
        static DESCRIBED: Once = Once::new();
        DESCRIBED.call_once(describe);
        gauge!(SOCKETS).set(self.sockets as f64);
        gauge!(SIGNED_IN).set(self.signed_in as f64);
        gauge!(USERS).set(self.users as f64);
        gauge!(ROOMS).set(self.rooms as f64);
        counter!(DELIVERED).absolute(self.delivered);
        counter!(DROPPED).absolute(self.dropped);
        counter!(OUT_OF_STEP).absolute(self.out_of_step);
        counter!(SHUT).absolute(self.shut);
    }
}

fn describe() {
    describe_gauge!(SOCKETS, Unit::Count, "Open sockets, signed in or not.");
    describe_gauge!(SIGNED_IN, Unit::Count, "Open sockets that are signed in.");
    describe_gauge!(USERS, Unit::Count, "Users with a signed-in socket on this node.");
    describe_gauge!(ROOMS, Unit::Count, "Rooms that some socket of this node joined.");
    describe_counter!(DELIVERED, Unit::Count, "Frames handed to sockets.");
    describe_counter!(
        DROPPED,
        Unit::Count,
        "Deliveries of what is not stored that did not fit and were dropped."
    );
    describe_counter!(
        OUT_OF_STEP,
        Unit::Count,
        "Sockets closed because they missed something that is stored."
    );
    describe_counter!(SHUT, Unit::Count, "Connections ended by force, since their peer took nothing.");
}
