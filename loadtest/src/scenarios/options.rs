//! The options that scenarios share: which server, which users.

use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs};

use anyhow::Context;

use crate::measure::{CpuMeter, ProcessGroup, Recorder};
use crate::native::{Crew, CrewOptions, Dialect, SignIn, Signer, ids};
use crate::net::{Sources, raise_descriptor_limit};
use crate::report::Report;

/// The server under test.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerOptions {
    /// Where the server listens.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// The server's process, for its CPU and memory.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// The first process of Postgres; left out, it is looked for below the server.
    #[arg(long, value_name = "PID")]
    pub postgres_pid: Option<u32>,
    /// The secret with which the server checks access tokens.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
    /// The plan that the tokens name.
    #[arg(long, default_value = "free")]
    pub plan: String,
    /// How to sign in.
    #[arg(long, value_enum, default_value_t)]
    pub sign_in: SignIn,
    /// Connect from so many addresses of 127/8.
    #[arg(long, default_value_t = 8)]
    pub sources: u8,
}

/// The users that `greenroom seed --load USERS --rooms ROOMS --members MEMBERS` made.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Population {
    #[arg(long)]
    pub users: usize,
    #[arg(long)]
    pub rooms: usize,
    #[arg(long)]
    pub members: usize,
}

impl Population {
    pub fn member(&self, room: usize, place: usize) -> usize {
        ids::member(room, self.members, place, self.users)
    }

    /// Adds a seat for each member of each room, room by room.
    pub fn seat(&self, crew: &mut Crew, joins: bool, signer: &Signer) -> anyhow::Result<usize> {
        self.seat_from(0, crew, joins, signer)
    }

    /// The same for as many rooms from that one on.
    pub fn seat_from(
        &self,
        first: usize,
        crew: &mut Crew,
        joins: bool,
        signer: &Signer,
    ) -> anyhow::Result<usize> {
        for room in first..first + self.rooms {
            for place in 0..self.members {
                crew.add(self.member(room, place), room, joins, signer)?;
            }
        }
        Ok(self.rooms * self.members)
    }

    pub fn describe(&self, report: &mut Report) {
        report.setting("users", self.users);
        report.setting("rooms", self.rooms);
        report.setting("members", self.members);
    }

    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.users > 0 && self.rooms > 0 && self.members > 0,
            "users, rooms and members are above 0"
        );
        anyhow::ensure!(
            self.members <= self.users,
            "a room of {} members needs as many users, not {}",
            self.members,
            self.users
        );
        Ok(())
    }
}

impl ServerOptions {
    pub fn address(&self) -> anyhow::Result<SocketAddrV4> {
        address_of(&self.url)
    }

    pub fn signer(&self) -> Signer {
        Signer::new(&self.jwt_secret, &self.plan)
    }

    /// A crew towards this server; `sockets` is how many it will have.
    pub fn crew(&self, sockets: usize, stamped: bool, strict: bool) -> anyhow::Result<Crew> {
        self.crew_of(Dialect::Native(self.sign_in), sockets, stamped, strict)
    }

    /// The same in another dialect.
    pub fn crew_of(
        &self,
        dialect: Dialect,
        sockets: usize,
        stamped: bool,
        strict: bool,
    ) -> anyhow::Result<Crew> {
        raise_descriptor_limit()?.check(sockets)?;
        Crew::new(CrewOptions {
            server: self.address()?,
            dialect,
            sources: Sources::new(self.sources),
            stamped,
            strict,
            opening_at_once: 256,
        })
    }

    pub fn server_process(&self) -> Option<ProcessGroup> {
        self.server_pid.map(ProcessGroup::single)
    }

    pub fn postgres_processes(&self) -> Option<ProcessGroup> {
        match self.postgres_pid {
            Some(pid) => Some(ProcessGroup::tree(pid)),
            None => self.server_pid.and_then(ProcessGroup::postgres_below),
        }
    }

    /// The CPU of the server, its Postgres and this process, from now on.
    pub fn cpu_meter(&self, others: &[(&'static str, Option<u32>)]) -> CpuMeter {
        let own = Some(ProcessGroup::single(std::process::id()));
        let known = [
            ("server", self.server_process()),
            ("Postgres", self.postgres_processes()),
            ("load generator", own),
        ];
        let others = others.iter().map(|(name, pid)| (*name, pid.map(ProcessGroup::single)));
        CpuMeter::new(known.into_iter().chain(others))
    }

    /// A recorder that watches the server, its Postgres and this process.
    pub fn recorder(&self, counted: &'static str) -> Recorder {
        let mut recorder = Recorder::new(counted);
        recorder.watch("server", self.server_process());
        recorder.watch("Postgres", self.postgres_processes());
        recorder.watch("load generator", Some(ProcessGroup::single(std::process::id())));
        recorder
    }
}

/// The address in an `http://host:port` URL.
pub fn address_of(url: &str) -> anyhow::Result<SocketAddrV4> {
    let rest = url.strip_prefix("http://").context("the URL begins with http://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let mut found = host.to_socket_addrs().with_context(|| format!("`{host}` is not host:port"))?;
    found
        .find_map(|address| match address {
            SocketAddr::V4(address) => Some(address),
            SocketAddr::V6(_) => None,
        })
        .with_context(|| format!("`{host}` has no IPv4 address"))
}
