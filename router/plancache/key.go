package plancache

import "encoding/binary"

// Context is what beside a text's fingerprint decides its plan.
type Context struct {
	Database  string // the connection's logical database
	SQLMode   string // the session's sql_mode, as the server stores it
	Charset   string // character_set_client
	Collation string // collation_connection
	MariaDB   bool   // the flavour of the servers
	Version   uint32 // and their version
}

// AppendContext appends the part of a key that a session keeps for all of its statements; the fingerprint follows it.
// Lengths stand before the texts, so that different contexts never give the same bytes.
func AppendContext(key []byte, c *Context) []byte {
	for _, s := range []string{c.Database, c.SQLMode, c.Charset, c.Collation} {
		key = binary.AppendUvarint(key, uint64(len(s)))
		key = append(key, s...)
	}
	flavour := byte(0)
	if c.MariaDB {
		flavour = 1
	}
	return binary.AppendUvarint(append(key, flavour), uint64(c.Version))
}
