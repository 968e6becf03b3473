//! What things cost: a price for each kind, more for the better qualities, rounded up to whole credits.

use serde::Serialize;
use utoipa::ToSchema;

use super::kinds::{Kind, Quality};
use crate::billing::ledger::BalanceView;
use crate::config::ContentSettings;

/// What one costs, in credits.
#[must_use]
pub fn price(settings: &ContentSettings, kind: Kind, quality: Quality) -> i64 {
    let base = match kind {
        Kind::Image => settings.image_credits,
        Kind::Video => settings.video_credits,
    };
    let percent = match quality {
        Quality::Standard => 100,
        Quality::Hd => settings.hd_percent,
        Quality::Premium => settings.premium_percent,
    };
    i64::try_from((u64::from(base) * u64::from(percent)).div_ceil(100)).unwrap_or(i64::MAX)
}

/// Prices of one kind, and what may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ContentPrices)]
pub struct KindCostsView {
    /// Whether it can be made here at present.
    pub available: bool,
    pub standard: i64,
    pub hd: i64,
    pub premium: i64,
    /// The first is taken where none is named.
    pub sizes: Vec<String>,
    /// Of a video; the first is taken where none is named.
    pub seconds: Vec<u32>,
}

/// What things cost, before they are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContentCosts)]
pub struct CostsView {
    pub image: KindCostsView,
    pub video: KindCostsView,
    pub balance: BalanceView,
    /// Characters of a prompt.
    pub prompt_max_chars: usize,
    pub optimized_max_chars: usize,
    /// What one may have under way at a time, and has.
    pub open_max: u32,
    pub open: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_qualities_cost_more_and_parts_of_credits_are_whole_ones() {
        let settings = ContentSettings::default();
        let all =
            |kind| Quality::ALL.iter().map(|quality| price(&settings, kind, *quality)).collect::<Vec<_>>();
        assert_eq!(all(Kind::Image), [5, 8, 10], "7.5 is 8");
        assert_eq!(all(Kind::Video), [15, 23, 30], "22.5 is 23");
        let odd = ContentSettings { image_credits: 1, hd_percent: 101, premium_percent: 100, ..settings };
        assert_eq!(price(&odd, Kind::Image, Quality::Hd), 2);
        assert_eq!(price(&odd, Kind::Image, Quality::Premium), 1);
        let free = ContentSettings { image_credits: 0, ..odd };
        assert_eq!(price(&free, Kind::Image, Quality::Hd), 0);
    }

    #[test]
    fn the_largest_price_is_a_number() {
        let dear = ContentSettings {
            video_credits: u32::MAX,
            premium_percent: u32::MAX,
            ..ContentSettings::default()
        };
        assert!(price(&dear, Kind::Video, Quality::Premium) > 0);
    }
}
