//! What the tests of conversations stand on: a database of their own with users, characters and rooms in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::Pool;
use greenroom::characters::seed::{self, SeedCharacter};
use greenroom::characters::{Characters, Viewer};
use greenroom::conversations::view::ConversationView;
use greenroom::conversations::{ConversationSettings, Conversations, NewConversation};
use greenroom::postgres::archive::{OtherNodes, PostgresArchive};
use greenroom::postgres::drafts::PostgresDrafts;
use greenroom::postgres::journal::{PostgresCharges, PostgresJournal};
use greenroom_actors::domain::{CharacterId, MessageId, NodeId, Revision, RoomId, UserId};
use greenroom_actors::engine::{Engine, Ports};
use greenroom_actors::ports::{NoModerator, SystemClock};
use greenroom_actors::settings::Settings;
use greenroom_actors::testsuite::{
    ByteCounter, MemoryFanout, MemorySummaries, ScriptedGallery, ScriptedGenerator, ScriptedSpeech, plans,
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::support::database::TestDatabase;

pub type Created = Arc<Mutex<Vec<(Vec<UserId>, ConversationView)>>>;

pub struct Stage {
    pub pool: Pool,
    pub epoch: Uuid,
    pub engine: Engine,
    pub generator: Arc<ScriptedGenerator>,
    pub fanout: Arc<MemoryFanout>,
    pub characters: Characters,
    pub conversations: Conversations,
    /// What the hook was told.
    pub created: Created,
    // Dropped last: with it goes the database.
    _database: TestDatabase,
}

/// A stage on a database of its own, with an engine that journals to it and replies by script.
pub async fn stage() -> Stage {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    let node = NodeId::new();
    let mut settings = Settings::new(plans());
    settings.room.read_merge = Duration::from_millis(1);
    let generator = Arc::new(ScriptedGenerator::default());
    let fanout = Arc::new(MemoryFanout::default());
    let ports = Ports {
        archive: Arc::new(PostgresArchive::new(pool.clone(), plans(), node, OtherNodes::Gone)),
        journal: Arc::new(PostgresJournal::new(database.database().connector(), node)),
        drafts: Arc::new(PostgresDrafts::new(&database.database().connector())),
        charges: Arc::new(PostgresCharges::new(pool.clone(), node, OtherNodes::Gone)),
        generator: generator.clone(),
        tokens: Arc::new(ByteCounter),
        moderator: Arc::new(NoModerator),
        fanout: fanout.clone(),
        clock: Arc::new(SystemClock),
        speech: Arc::new(ScriptedSpeech::default()),
        gallery: Arc::new(ScriptedGallery::default()),
        summaries: Arc::new(MemorySummaries::default()),
    };
    let engine = Engine::start(settings, ports).await.unwrap();
    let characters = Characters::new(pool.clone());
    let created = Created::default();
    let told = created.clone();
    let hook = move |users: &[UserId], view: &ConversationView| {
        told.lock().unwrap().push((users.to_vec(), view.clone()));
    };
    let epoch = database.database().epoch();
    let settings = ConversationSettings { resume_max_messages: 250, ..ConversationSettings::default() };
    let conversations =
        Conversations::new(pool.clone(), epoch, engine.clone(), characters.clone(), settings, Arc::new(hook));
    Stage { pool, epoch, engine, generator, fanout, characters, conversations, created, _database: database }
}

impl Stage {
    /// The conversations as another node has them: nothing is told to it.
    pub fn other_node(&self) -> Conversations {
        let settings = ConversationSettings::default();
        let (pool, engine, characters) = (self.pool.clone(), self.engine.clone(), self.characters.clone());
        Conversations::new(pool, self.epoch, engine, characters, settings, Arc::new(|_, _| {}))
    }

    pub async fn execute(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> u64 {
        self.pool.get().await.unwrap().execute(statement, parameters).await.unwrap()
    }

    pub async fn count(&self, statement: &str) -> i64 {
        self.pool.get().await.unwrap().query_one(statement, &[]).await.unwrap().get(0)
    }

    pub async fn user(&self, name: &str) -> UserId {
        let user = UserId::new();
        self.execute(
            "insert into users (id, username, username_key, display_name, plan) values ($1, $2, $2, $2, 'premium')",
            &[&user.uuid(), &name],
        )
        .await;
        user
    }

    pub async fn character(&self, slug: &str) -> CharacterId {
        self.characters.seed(&[seed_character(slug)]).await.unwrap();
        CharacterId::from_uuid(self.characters.get(Viewer::Nobody, slug).await.unwrap().id)
    }

    /// A room of `user` with a character that greets nobody, so that its log is empty.
    pub async fn empty_room(&self, user: UserId) -> RoomId {
        let two = vec![self.character("ada").await, self.character("bo").await];
        let new = NewConversation { characters: two, ..NewConversation::default() };
        RoomId::from_uuid(self.conversations.create(user, new).await.unwrap().id)
    }

    /// A row of the log as the journal writes it, at the next revision.
    pub async fn say(&self, room: RoomId, user: UserId, content: &str) -> (MessageId, Revision) {
        let offset = self.next_revision(room).await;
        let id = MessageId::new();
        self.execute(
            r#"insert into messages (id, room_id, "offset", revision, sender_kind, sender_id, client_id, kind, content,
                created_at) values ($1, $2, $3, $3, 0, $4, ($1::uuid)::text, 0, $5, now())"#,
            &[&id.uuid(), &room.uuid(), &offset, &user.uuid(), &content],
        )
        .await;
        (id, offset)
    }

    /// A change of a message, at the next revision.
    pub async fn change(&self, room: RoomId, message: MessageId) -> Revision {
        let revision = self.next_revision(room).await;
        self.execute("update messages set revision = $2 where id = $1", &[&message.uuid(), &revision]).await;
        revision
    }

    async fn next_revision(&self, room: RoomId) -> Revision {
        let client = self.pool.get().await.unwrap();
        let next =
            "update heads set last_revision = last_revision + 1 where room_id = $1 returning last_revision";
        client.query_one(next, &[&room.uuid()]).await.unwrap().get(0)
    }

    pub async fn turn(&self, room: RoomId, asked: MessageId, state: i16, code: Option<&str>) -> MessageId {
        let turn = MessageId::new();
        self.execute(
            "insert into turns (id, room_id, character_id, asked_id, asked_offset, user_id, priority, state, code, node)
             values ($1, $2, $2, $3, 1, $2, 1, $4, $5, $1)",
            &[&turn.uuid(), &room.uuid(), &asked.uuid(), &state, &code],
        )
        .await;
        turn
    }
}

pub fn seed_character(slug: &str) -> SeedCharacter {
    let text = format!(
        r##"[[character]]
        slug = "{slug}"
        name = "Name of {slug}"
        tagline = "Tagline of {slug}"
        description = "Described 100% as {slug}"
        category = "Companions"
        tags = ["sea", "{slug}"]
        color = "#7a5cff"
        greeting = "Hello from {slug}."
        personality = "a secret of {slug}"
        knowledge = ["a fact of {slug}"]"##
    );
    seed::parse(&text).unwrap().remove(0)
}

pub fn lone(character: CharacterId) -> NewConversation {
    NewConversation { characters: vec![character], ..NewConversation::default() }
}
