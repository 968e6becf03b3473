//! Files that were uploaded here and are carried by messages, through the whole server: sent by each way in, followed from
//! `processing` to what becomes of them, shown in galleries and to models that see.

mod stage;
mod sending;
mod following;
mod seeing;
mod galleries;
