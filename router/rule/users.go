package rule

import (
	"encoding/hex"
	"strings"
)

// Users is the document of the accounts that clients log in with. There is one for all logical databases.
type Users struct {
	Format int
	Users  []User

	source *source
}

// User is an account. It has a verifier, or a secret reference, or neither: then the empty password lets it in.
type User struct {
	Name           string
	Verifier       string   // "$A$005$…" or "0x24412430…" (caching_sha2_password), "*6BB4…" (mysql_native_password)
	Password       Secret   // where the password itself is, for verifiers to be made from
	Databases      []string // logical databases it may enter; empty or "*": all
	Admin          bool     // it may read the whole of the tables of heddle and change rules by statements
	Transactions   string   // how those of its sessions commit: one of TransactionTypes; "": as the instance says
	MaxConnections int      // over all instances' sessions of the account, per instance; 0: no limit
}

// TransactionTypes are the ways in which transactions over several data sources commit.
func TransactionTypes() []string { return []string{"auto", "local", "xa"} }

// Plugin is an authentication plugin's name.
type Plugin string

// The plugins whose verifiers a document can hold.
const (
	PluginNative      Plugin = "mysql_native_password"
	PluginCachingSHA2 Plugin = "caching_sha2_password"
)

// ParseVerifier reads an account's verifier. For the native plugin the result is SHA1(SHA1(password)), 20 bytes; for
// caching_sha2 the authentication string as the server stores it, 70 bytes: "$A$005$", 20 bytes of salt, 43 of
// digest. ok is false for anything else.
func ParseVerifier(s string) (plugin Plugin, verifier []byte, ok bool) {
	if rest, native := strings.CutPrefix(s, "*"); native {
		b, err := hex.DecodeString(rest)
		return PluginNative, b, err == nil && len(b) == 20
	}
	b := []byte(s)
	if rest, inHex := strings.CutPrefix(s, "0x"); inHex {
		var err error
		if b, err = hex.DecodeString(rest); err != nil {
			return "", nil, false
		}
	}
	if len(b) != 70 || string(b[:3]) != "$A$" || b[6] != '$' {
		return "", nil, false
	}
	return PluginCachingSHA2, b, true
}
