//! What there is to be made, and how far it is: words that clients, rows and rules share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident as $schema:ident { $($(#[$of:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "lowercase")]
        #[schema(as = $schema)]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

words! {
    /// What is made.
    Kind as ContentKind {
        Image = "image",
        Video = "video",
    }
}

words! {
    /// How well.
    Quality as ContentQuality {
        Standard = "standard",
        Hd = "hd",
        Premium = "premium",
    }
}

words! {
    /// How far it is.
    State as ContentState {
        /// It waits for its turn.
        Queued = "queued",
        /// A better prompt is made.
        Optimizing = "optimizing",
        /// The provider makes it.
        Generating = "generating",
        /// It is there, and its smaller pictures are made.
        Storing = "storing",
        Done = "done",
        Failed = "failed",
        Canceled = "canceled",
    }
}

impl State {
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Failed | Self::Canceled)
    }
}

/// Whether the prompt is made better before the provider gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// It gets what was written.
    AsWritten,
    Improved,
}

/// Why it failed: a code for clients, and words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider cannot be reached, or fails.
    Unavailable,
    RateLimited,
    Timeout,
    /// Its policy forbids this.
    Forbidden,
    /// It does not take this as it was asked for.
    Refused,
    /// It began, and could not.
    NotMade,
    /// What is to be told to the provider may not be said here.
    ContentRefused,
    /// It could not be judged whether it may be said.
    Unjudged,
    /// What came is no picture or video, or too large.
    BadResult,
    /// The picture that it was to be made from is gone.
    SourceGone,
    Internal,
}

impl Fault {
    /// Whether another try may go better.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::RateLimited | Self::Timeout | Self::BadResult | Self::Unjudged
        )
    }

    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable | Self::RateLimited => "provider_unavailable",
            Self::Timeout => "provider_timeout",
            Self::Refused => "provider_refused",
            Self::NotMade => "provider_failed",
            Self::ContentRefused | Self::Forbidden => "content_refused",
            Self::Unjudged => "dependency_down",
            Self::BadResult => "bad_result",
            Self::SourceGone => "source_gone",
            Self::Internal => "internal",
        }
    }

    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Unavailable => "who makes it is away; try again later",
            Self::RateLimited => "who makes it has too much to do; try again later",
            Self::Timeout => "it took too long",
            Self::Forbidden => "who makes it will not make this: say it in other words",
            Self::Refused => "who makes it did not take this as it was asked for; its operator has to look",
            Self::NotMade => "who makes it could not make this: say it in other words, or try again",
            Self::ContentRefused => "this is not welcome here: say it in other words",
            Self::Unjudged => "it cannot be judged at present whether this is welcome; try again later",
            Self::BadResult => "what was made cannot be used",
            Self::SourceGone => "the picture that it was to be made from is gone",
            Self::Internal => "something went wrong on our side",
        }
    }
}
