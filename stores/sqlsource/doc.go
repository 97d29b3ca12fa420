// Package sqlsource asks SQL databases on behalf of logins: which backends a
// client has (SQLNamedQuery, ProxyReverseServers sql:/name) and who its
// account is (SQLUserInfo, SQLGroupInfo). SQLite, PostgreSQL and MySQL are
// spoken; what to ask comes from the configuration in mod_sql's words.
//
// Rules of the room:
//
//   - A text is parsed once, when the configuration is read. Variables become
//     parameters that the driver binds: what a client sends never becomes part
//     of a statement. A quoted literal with variables inside becomes one
//     parameter, whose value is put together here, so no dialect's way of
//     joining strings matters. A variable in a name or a comment is refused.
//   - An absent %{env:NAME} (no client certificate, say) is NULL, and so is a
//     literal that holds one. NULL equals nothing: a client without a
//     certificate never gets the row of somebody whose name happens to be
//     empty. A query that wants such clients says COALESCE or IS NULL.
//   - Nothing is opened before it is asked. A database that is away costs the
//     logins that need it, one deadline each, and nothing else.
//   - Errors name the query and the connection, never a password or a URL.
package sqlsource
