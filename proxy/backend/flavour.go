package backend

// Flavour is the family and version of a server. It has the form of parser.Flavour, so that parser.Flavour(f)
// converts it; importing that package would link its grammar for two fields.
type Flavour struct {
	MariaDB bool
	Version uint32 // 101119 is 10.11.19, 80036 is 8.0.36
}

// keepsTypes: since 8.0.22 MySQL resolves a statement once, for its parameters' types.
func (f Flavour) keepsTypes() bool { return !f.MariaDB && f.Version >= 80022 }

// detachVar has an XA branch be no connection's from its prepare on. Recovery counts on that where the server's global value says so, which connections may be older
// than. An account that may not set it has the value of when the connection was opened. Source: https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html
const detachVar = "xa_detach_on_prepare"

// Detaches reports whether a variable says whose a prepared XA branch is. It is no client's to set, where branches are Heddle's.
func Detaches(name string) bool { return name == detachVar }

func (f Flavour) detaches() bool { return !f.MariaDB && f.Version >= 80029 }
