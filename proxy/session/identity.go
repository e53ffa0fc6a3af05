package session

import "slices"

// Identity is who a client is, as its login has established.
type Identity struct {
	User string
	Host string // the client's address without port
	// Databases are the logical databases that the account may use; nil: all.
	Databases []string
	// Admin: it may read all of the tables of heddle, and change rules by statements.
	Admin bool
	// Transactions is the account's transaction type; "": the instance's.
	Transactions string
	// WithPassword: the login gave one, as errors say.
	WithPassword bool
	// Attributes are the client's connection attributes.
	Attributes map[string]string
}

// Account returns the identity as CURRENT_USER() prints it.
func (i Identity) Account() string { return i.User + "@" + "%" }

// Client returns the identity as USER() prints it.
func (i Identity) Client() string { return i.User + "@" + i.Host }

// MayUse reports whether the account lists the database. information_schema is everybody's.
func (i Identity) MayUse(db string) bool {
	return i.Databases == nil || db == "information_schema" || slices.Contains(i.Databases, db)
}
