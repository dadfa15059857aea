//! A small shop in four files, made by the real migrations, in which every rule holds: one order confirmed, one
//! cancelled, one message, one delivery.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tercet_checker::{Expected, Report, check_folder};

const LOG: &str =
    include_str!("../../../../migrations/coordinator/sqlite/0001_transaction_log.sql");
const FENCE: &str =
    include_str!("../../../../migrations/participant/sqlite/20261121000000_fence.sql");
const STOCK: &str = include_str!("../../../../migrations/stock/sqlite/20261121000100_stock.sql");
const POINTS: &str = include_str!("../../../../migrations/points/sqlite/20261121000100_points.sql");
const ORDER: &str = include_str!("../../../../migrations/order/sqlite/20261121000100_order.sql");

pub(crate) const RESERVE: &str = "shop.stock.v1.ReserveStockService";
pub(crate) const NOTIFY: &str = "shop.stock.v1.NotifyService";
pub(crate) const SPEND: &str = "shop.points.v1.SpendPointsService";
pub(crate) const CREATE: &str = "shop.order.v1.CreateOrderService";

pub(crate) struct Shop {
    folder: TempDir,
}

/// A branch for the log's blobs: id, participant, service, verbs, payload, state.
type BranchParts<'a> = (&'a str, &'a str, &'a str, &'a [u8], Vec<u8>, u8);

impl Shop {
    /// Every rule holds.
    pub(crate) async fn new() -> Self {
        let shop = Self {
            folder: TempDir::new().unwrap(),
        };
        // Constraints are the last line of defence; the checker has to see what got past them.
        shop.sql("coordinator", LOG).await;
        let order = without(
            without(ORDER, "unique (gid, branch)", "check (1)"),
            " unique",
            "",
        );
        shop.sql("order", &format!("{FENCE};{order}")).await;
        let points = without(
            POINTS.to_owned(),
            "unique (order_ref, kind, number)",
            "check (1)",
        );
        shop.sql("points", &format!("{FENCE};{points}")).await;
        shop.sql("stock", &format!("{FENCE};{STOCK}")).await;
        shop.fill().await;
        shop
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn sql(&self, database: &str, statements: &str) {
        let mut connection = self.open(database).await;
        let statements =
            format!("PRAGMA ignore_check_constraints = 1; PRAGMA synchronous = 0; {statements}");
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    async fn open(&self, database: &str) -> SqliteConnection {
        let options = SqliteConnectOptions::new()
            .filename(self.file(database))
            .create_if_missing(true);
        options
            .foreign_keys(false)
            .disable_statement_logging()
            .connect()
            .await
            .unwrap()
    }

    /// As a settled shop whose one SKU was opened with 10 pieces.
    pub(crate) async fn check(&self) -> Report {
        self.check_as(&Expected::settled().seeded("tea", 10)).await
    }

    pub(crate) async fn check_as(&self, expected: &Expected) -> Report {
        check_folder(self.folder(), expected).await.unwrap()
    }

    /// Writes a transaction into the log, or over the one that is there.
    pub(crate) async fn log(&self, gid: &str, state: i64, branches: &[BranchParts<'_>]) {
        let definition: Vec<u8> = branches
            .iter()
            .flat_map(|b| bytes(3, &definition(b)))
            .collect();
        let progress: Vec<u8> = branches
            .iter()
            .flat_map(|b| bytes(5, &[0x08, b.5]))
            .collect();
        let participants: Vec<&str> = branches.iter().map(|b| b.1).collect();
        let mut connection = self.open("coordinator").await;
        let (decided, ended) = (state != 1, state == 3 || state == 5);
        sqlx::query(
            "INSERT OR REPLACE INTO global_transaction (gid, version, owner, state, mode, content_hash, begun_at, \
             try_deadline, decided_at, ended_at, parked, participants, definition, progress) \
             VALUES (?, 3, 1, ?, 1, zeroblob(32), 1, 2, ?, ?, 0, ?, ?, ?)",
        )
        .bind(gid)
        .bind(state)
        .bind(decided.then_some(3))
        .bind(ended.then_some(4))
        .bind(format!(" {} ", participants.join(" ")))
        .bind(definition)
        .bind(progress)
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn fence(
        &self,
        database: &str,
        gid: &str,
        branch: &str,
        service: &str,
        state: i64,
    ) {
        let row = format!(
            "INSERT INTO tercet_fence VALUES ('{gid}', '{branch}', '{service}', {state}, x'', x'', 0, 0, 0, 0, 0, 0)"
        );
        self.sql(database, &row).await;
    }

    async fn fill(&self) {
        self.log("g-yes", 3, &order("r-1", 2, 30, 5)).await;
        self.log("g-no", 5, &order("r-2", 3, 70, 6)).await;
        self.log(
            "g-say",
            3,
            &[("1", "stock", NOTIFY, &[2], notice("r-1"), 5)],
        )
        .await;

        self.fence("order", "g-yes", "order", CREATE, 2).await;
        self.fence("points", "g-yes", "points", SPEND, 2).await;
        self.fence("stock", "g-yes", "stock", RESERVE, 2).await;
        self.fence("stock", "g-say", "1", NOTIFY, 2).await;
        // Refused for stock: no row there, nothing written; cancelled before its try came at points.
        self.fence("order", "g-no", "order", CREATE, 3).await;
        self.fence("points", "g-no", "points", SPEND, 3).await;

        let orders = "INSERT INTO orders VALUES \
             ('n-1', 'r-1', 'g-yes', 'order', 'ann', 'tea', 2, 30, 2, 0, 0), \
             ('n-2', 'r-2', 'g-no', 'order', 'ann', 'tea', 3, 70, 3, 0, 0)";
        self.sql("order", orders).await;
        let points = "INSERT INTO account VALUES ('ann', 70, 0); INSERT INTO ledger VALUES \
             (1, 'ann', NULL, 1, 0, 100, 0, 0), (2, 'ann', 'r-1', 2, 0, -30, 30, 0), (3, 'ann', 'r-1', 3, 0, 0, -30, 0), \
             (4, 'ann', 'r-2', 2, 0, -70, 70, 0), (5, 'ann', 'r-2', 4, 0, 70, -70, 0)";
        self.sql("points", points).await;
        let stock = "INSERT INTO sku VALUES ('tea', 13, 0, 2, 0, 1); INSERT INTO restock VALUES ('d-1', 'tea', 5, 0); \
             INSERT INTO notice VALUES ('g-say', '1', 'r-1', 'placed', 0)";
        self.sql("stock", stock).await;
    }
}

/// The migration without a constraint that it must have.
fn without(migration: impl Into<String>, constraint: &str, instead: &str) -> String {
    let migration = migration.into();
    assert!(
        migration.contains(constraint),
        "the migration has no {constraint:?}"
    );
    migration.replace(constraint, instead)
}

/// The three branches of an order, all in that state.
pub(crate) fn order(
    request: &str,
    quantity: u8,
    points: u8,
    state: u8,
) -> Vec<BranchParts<'static>> {
    let create = [
        text(1, request),
        text(2, "ann"),
        text(3, "tea"),
        number(4, quantity),
        number(5, points),
    ];
    let spend = [text(1, "ann"), number(2, points), text(3, request)];
    let reserve = [text(1, "tea"), number(2, quantity)];
    vec![
        ("order", "order", CREATE, &[1, 2, 3], create.concat(), state),
        ("points", "points", SPEND, &[1, 2, 3], spend.concat(), state),
        (
            "stock",
            "stock",
            RESERVE,
            &[1, 2, 3],
            reserve.concat(),
            state,
        ),
    ]
}

pub(crate) fn notice(subject: &str) -> Vec<u8> {
    [text(1, subject), text(2, "placed")].concat()
}

fn definition((id, participant, service, verbs, payload, _): &BranchParts<'_>) -> Vec<u8> {
    [
        text(1, id),
        text(2, participant),
        text(3, "act"),
        text(4, service),
        bytes(5, verbs),
        bytes(6, payload),
    ]
    .concat()
}

fn text(field: u8, text: &str) -> Vec<u8> {
    bytes(field, text.as_bytes())
}

fn bytes(field: u8, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let mut message = vec![field << 3 | 2];
    if length >= 0x80 {
        message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
    }
    message.push(u8::try_from(if length >= 0x80 { length >> 7 } else { length }).unwrap());
    message.extend_from_slice(bytes);
    message
}

fn number(field: u8, number: u8) -> Vec<u8> {
    vec![field << 3, number]
}
