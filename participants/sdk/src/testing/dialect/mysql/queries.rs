//! The tables of the tests on MySQL and MariaDB, and what only a server is asked.

use super::Connection;

pub(crate) const WALLET: &str = "
create table wallet (
    id        varchar(64) character set ascii collate ascii_bin not null primary key,
    available bigint not null check (available >= 0),
    frozen    bigint not null check (frozen >= 0),
    spent     bigint not null check (spent >= 0),
    version   bigint not null
) engine = InnoDB";

/// Rows that statements of this session have read so far, through an index or without.
pub(crate) async fn rows_read(connection: &mut Connection) -> sqlx::Result<u64> {
    let counters: Vec<(String, String)> =
        sqlx::query_as("show session status like 'Handler_read%'")
            .persistent(false)
            .fetch_all(connection)
            .await?;
    Ok(counters
        .iter()
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum())
}

/// A long history: ended branches, messages of which a quarter waits for a later time, the rest is sent.
pub(crate) async fn fill(connection: &mut Connection, doublings: u32, at: i64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into tercet_fence (gid, branch, service, state, request, reply, try_deadline, ask_at, asked, unknown, \
         created_at, changed_at) values ('h0', 'b', 's', 2, '', '', 0, 0, 0, 0, ?, ?)",
    )
    .bind(at)
    .bind(at)
    .execute(&mut *connection)
    .await?;
    for doubling in 0..doublings {
        let shift = 1_i64 << doubling;
        sqlx::query(
            "insert into tercet_fence (gid, branch, service, state, request, reply, try_deadline, ask_at, asked, \
             unknown, created_at, changed_at) select concat('h', cast(substr(gid, 2) as signed) + ?), branch, service, \
             state, request, reply, try_deadline, ask_at, asked, unknown, created_at, changed_at + ? from tercet_fence",
        )
        .bind(shift)
        .bind(shift)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query(
        "insert into tercet_outbox (gid, state, segment, participant, action, payload, attempts, send_at, claim, \
         last_error, created_at, changed_at) select gid, if(cast(substr(gid, 2) as signed) % 4 = 0, 1, 2), \
         (cast(substr(gid, 2) as signed) div 4) % 64, 'p', 'a', '', 0, changed_at + 36000000000, '', '', created_at, \
         changed_at from tercet_fence",
    )
    .execute(&mut *connection)
    .await?;
    for statement in ["analyze table tercet_fence", "analyze table tercet_outbox"] {
        sqlx::query(statement).fetch_all(&mut *connection).await?;
    }
    Ok(())
}

/// How statements begin on their way to the server, for a proxy to aim at.
pub(crate) const STATEMENTS: [&[u8]; 3] =
    [b"BEGIN", b"insert into tercet_fence", b"update wallet set"];
