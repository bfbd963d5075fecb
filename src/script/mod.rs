//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.
