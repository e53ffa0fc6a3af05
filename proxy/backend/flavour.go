package backend

// Flavour is the family and version of a server. It has the form of parser.Flavour, so that parser.Flavour(f)
// converts it; importing that package would link its grammar for two fields.
type Flavour struct {
	MariaDB bool
	Version uint32 // 101119 is 10.11.19, 80036 is 8.0.36
}

// keepsTypes: since 8.0.22 MySQL resolves a statement once, for its parameters' types.
func (f Flavour) keepsTypes() bool { return !f.MariaDB && f.Version >= 80022 }
