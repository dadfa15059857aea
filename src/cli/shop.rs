//! The language of `tercet shop`.

use clap::{Args, Subcommand, ValueEnum};
use tercet_service::ConfigDuration;

/// `tercet shop`: the demo shop as its merchant and its customers use it.
#[derive(Debug, Subcommand)]
pub(crate) enum Shop {
    /// Set up a campaign: its goods, its price, its customers' points; what is there already stays
    Seed(Seed),
    /// Buy in a campaign
    Buy(Buy),
    /// Pay an order: with points if it costs no money, else by the payment service
    Pay(Owned),
    /// Cancel an unpaid order
    Cancel(Owned),
    /// Ask for a refund, or say what becomes of one
    Refund(Refund),
    /// The refunds that wait for the merchant, oldest first, or others
    Refunds(Refunds),
    /// The goods of a refund came back, and their price is given back
    Return(Return),
    /// The goods are on their way
    Ship(OrderNo),
    /// The goods arrived
    Receive(Owned),
    /// Put the automatic receipt off: the buyer once, the merchant as often as need be
    Extend(Extend),
    /// Sell nothing more to a user, or lift that
    Block(Block),
    /// One order with its payments, stock and points, or the newest ones
    Show(Show),
    /// A flash sale: thousands of buyers for a few pieces, and every sum checked
    Rush(Rush),
}

/// `tercet shop seed`.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// The campaign's id
    pub(crate) campaign: String,
    /// What is sold
    #[arg(long, default_value = "tea")]
    pub(crate) sku: String,
    /// Pieces there are of it
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) stock: i64,
    /// Money a piece, in cents
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) cents: i64,
    /// Points a piece
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) points: i64,
    /// Points granted for a paid order
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) grant: i64,
    /// Pieces a user
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub(crate) per_user: i64,
    /// How long it lasts, from now on
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    pub(crate) lasts: ConfigDuration,
    /// How long an order may stay unpaid
    #[arg(long, default_value = "15m", value_name = "DURATION")]
    pub(crate) unpaid: ConfigDuration,
    /// How long stock is held for an unpaid order; as long as it may stay unpaid when left out
    #[arg(long, value_name = "DURATION")]
    pub(crate) hold: Option<ConfigDuration>,
    /// Take stock when an order is paid, not when it is placed
    #[arg(long)]
    pub(crate) at_payment: bool,
    /// A customer and the points to begin with; may be repeated
    #[arg(long, value_name = "USER=POINTS", value_parser = super::filters::seed)]
    pub(crate) account: Vec<(String, u32)>,
}

/// `tercet shop buy`.
#[derive(Debug, Args)]
pub(crate) struct Buy {
    /// The campaign
    pub(crate) campaign: String,
    /// Who buys
    #[arg(long)]
    pub(crate) user: String,
    /// How many pieces
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub(crate) quantity: i64,
    /// Names the submission: the same one again is the same order. A new one when left out
    #[arg(long)]
    pub(crate) request_id: Option<String>,
}

/// An order.
#[derive(Debug, Args)]
pub(crate) struct OrderNo {
    /// The order's number
    pub(crate) order: String,
}

/// An order of somebody's.
#[derive(Debug, Args)]
pub(crate) struct Owned {
    #[command(flatten)]
    pub(crate) order: OrderNo,
    /// Whose it is
    #[arg(long)]
    pub(crate) user: String,
}

/// `tercet shop refund`.
#[derive(Debug, Args)]
pub(crate) struct Refund {
    /// The order, to ask; the refund, to approve or reject
    pub(crate) number: String,
    /// Whose order it is, to ask for its refund
    #[arg(long, required_unless_present_any = ["approve", "reject"])]
    pub(crate) user: Option<String>,
    /// Why, for the merchant
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// The merchant gives back all, or as much as is said
    #[arg(long, conflicts_with_all = ["reject", "user"])]
    pub(crate) approve: bool,
    /// The merchant says no
    #[arg(long, conflicts_with = "user")]
    pub(crate) reject: bool,
    /// Money to give back, in cents
    #[arg(long, default_value = "0", requires = "approve")]
    pub(crate) cents: i64,
    /// Points to give back, for orders that cost no money
    #[arg(long, default_value = "0", requires = "approve")]
    pub(crate) points: i64,
}

/// `tercet shop refunds`.
#[derive(Debug, Args)]
pub(crate) struct Refunds {
    /// Where they stand
    #[arg(long, value_enum, default_value_t = RefundsIn::Asked)]
    pub(crate) state: RefundsIn,
    /// At most this many
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Go on after this refund
    #[arg(long, value_name = "REFUND")]
    pub(crate) after: Option<String>,
}

/// Where refunds stand, as words of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RefundsIn {
    /// They wait for the merchant
    Asked,
    /// The merchant said yes, and they are being given
    Approved,
    /// The merchant said no
    Rejected,
    /// Given
    Done,
    /// Wherever they stand
    All,
}

/// `tercet shop return`.
#[derive(Debug, Args)]
pub(crate) struct Return {
    /// The refund
    pub(crate) refund: String,
    /// Pieces that came back; all that haven't yet when left out
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) pieces: i64,
}

/// `tercet shop extend`.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    pub(crate) order: OrderNo,
    /// The buyer; the merchant when left out
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// `tercet shop block`.
#[derive(Debug, Args)]
pub(crate) struct Block {
    /// Whom
    pub(crate) user: String,
    /// Lift the block
    #[arg(long)]
    pub(crate) lift: bool,
}

/// `tercet shop show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The order's number; the newest orders when left out
    pub(crate) order: Option<String>,
    /// Only this customer's
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// At most this many, newest first
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
}

/// `tercet shop rush`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Without --endpoint it runs a coordinator and a shop of its own, as processes. Exit codes: 0 every sum is right, 1 one isn't."
)]
pub(crate) struct Rush {
    /// Buyers
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Pieces there are
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stock: u32,
    /// Buyers out of a hundred who submit twice: half of them the same submission, half another one
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) duplicates: u32,
    /// Submissions at a time
    #[arg(long, default_value = "256", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) in_flight: u32,
    /// Submit through the order service's queue: a ticket at once, and an order that nobody refused is placed again
    #[arg(long)]
    pub(crate) queue: bool,
    /// Processes of its own system killed on the way, spread evenly, and started again at once
    #[arg(long, default_value = "0", value_name = "COUNT", num_args = 0..=1, default_missing_value = "8")]
    pub(crate) kill: u32,
    /// What is killed, and who submits twice, follows from this
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A server for the databases of its own system, mysql://USER:PASSWORD@HOST:PORT; they are made, and stay. SQLite files
    /// in a temporary folder when left out
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// How long all of it may take
    #[arg(long, default_value = "30m", value_name = "DURATION")]
    pub(crate) patience: ConfigDuration,
}
