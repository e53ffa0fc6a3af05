package parser

// prefix moves over SET STATEMENT … FOR and gives the index of the statement proper.
func (r *reader) prefix() int {
	if !r.is(0, "SET", "STATEMENT") || !r.st.Mode.Flavour.MariaDB {
		return 0
	}
	for i := 2; i < len(r.t); i = r.after(i) {
		if r.t[i].Is("FOR") {
			r.st.Prefix = r.span(0, i+1)
			for _, p := range r.commas(2, i) {
				r.st.PrefixSet = append(r.st.PrefixSet, r.assignment(p[0], p[1]))
			}
			return i + 1
		}
	}
	return 0
}

// simple are the kinds that the first word alone tells.
var simple = map[string]Kind{
	"SELECT": Select, "VALUES": Select, "TABLE": Select, "INSERT": Insert, "REPLACE": Replace, "UPDATE": Update,
	"DELETE": Delete, "TRUNCATE": Truncate, "CALL": Call, "DO": Do, "USE": Use, "SHOW": Show, "COMMIT": Commit,
	"SAVEPOINT": Savepoint, "RELEASE": Release, "XA": XA, "RENAME": RenameTable, "PREPARE": Prepare,
	"DEALLOCATE": Deallocate, "KILL": Kill, "FLUSH": Flush, "HANDLER": Handler, "GRANT": Account, "REVOKE": Account,
	"SIGNAL": Signal, "RESIGNAL": Signal, "GET": GetDiagnostics, "HELP": Help, "SHUTDOWN": Shutdown, "RESTART": Shutdown,
	"LOAD": LoadData, "OPTIMIZE": TableAdmin, "REPAIR": TableAdmin, "CHECK": TableAdmin, "CHECKSUM": TableAdmin,
	"BINLOG": ReplicationAdmin, "PURGE": ReplicationAdmin, "CHANGE": ReplicationAdmin, "RESET": ReplicationAdmin,
	"STOP": ReplicationAdmin, "CACHE": TableAdmin, "INSTALL": OtherDDL, "UNINSTALL": OtherDDL, "BACKUP": ReplicationAdmin,
	"IMPORT": OtherDDL, "CLONE": ReplicationAdmin, "LOCK": LockTables, "UNLOCK": UnlockTables, "IF": Compound,
	"CASE": Compound, "LOOP": Compound, "WHILE": Compound, "REPEAT": Compound, "FOR": Compound, "DECLARE": Compound,
}

// classify sets the kind of the statement that starts at token i.
func (r *reader) classify(i int) {
	r.st.Kind = r.kind(i)
}

func (r *reader) kind(i int) Kind {
	t := r.at(i)
	if t.Is("(") {
		for r.at(i).Is("(") {
			i++
		}
		return r.queryKind(r.kind(i))
	}
	if t.Kind != Word {
		if r.at(i).Is("<<") {
			return Compound
		}
		return Unknown
	}
	if r.at(i + 1).Is(":") {
		return Compound
	}
	switch t.Word {
	case "WITH":
		if i = r.skipWith(i); r.is(i, "WITH") {
			return Unknown
		}
		return r.kind(i)
	case "SET":
		return r.setKind(i)
	case "CREATE", "ALTER", "DROP":
		return r.ddlKind(i)
	case "BEGIN":
		if r.is(i+1, "NOT") || r.st.Mode.SQLMode.Has(Oracle) && r.st.Mode.Flavour.MariaDB {
			return Compound
		}
		return Begin
	case "START":
		if r.is(i+1, "TRANSACTION") {
			return Begin
		}
		return ReplicationAdmin
	case "ROLLBACK":
		if r.any(i+1, "TO") || r.is(i+1, "WORK", "TO") {
			return RollbackTo
		}
		return Rollback
	case "DESCRIBE", "DESC", "EXPLAIN":
		return r.explainKind(i)
	case "ANALYZE":
		j := i + 1
		r.skipAny(&j, "NO_WRITE_TO_BINLOG", "LOCAL")
		if r.any(j, "TABLE", "TABLES") {
			return TableAdmin
		}
		return Analyze
	case "EXECUTE":
		if r.is(i+1, "IMMEDIATE") {
			return ExecuteImmediate
		}
		return Execute
	}
	return r.other(i, t.Word)
}

// other classifies by the first word; a few words need a second look.
func (r *reader) other(i int, w string) Kind {
	k := simple[w]
	switch k {
	case RenameTable:
		if r.any(i+1, "USER") {
			return Account
		}
	case LockTables:
		if !r.any(i+1, "TABLES", "TABLE") {
			return ReplicationAdmin // LOCK INSTANCE FOR BACKUP
		}
	case UnlockTables:
		if !r.any(i+1, "TABLES", "TABLE") {
			return ReplicationAdmin
		}
	case LoadData:
		if !r.any(i+1, "DATA", "XML") {
			return TableAdmin // LOAD INDEX INTO CACHE
		}
	case ReplicationAdmin:
		if w == "RESET" && r.any(i+1, "QUERY", "PERSIST") {
			return Flush
		}
	case TableAdmin:
		if w != "CACHE" {
			j := i + 1
			r.skipAny(&j, "NO_WRITE_TO_BINLOG", "LOCAL")
			if !r.any(j, "TABLE", "TABLES", "VIEW") {
				return Unknown
			}
		}
	}
	return k
}

// queryKind is k if that can stand in parentheses.
func (r *reader) queryKind(k Kind) Kind {
	if k == Select {
		return k
	}
	return Unknown
}

// skipWith gives the index of what follows a WITH clause.
func (r *reader) skipWith(i int) int {
	i++
	r.skip(&i, "RECURSIVE")
	for {
		i++ // name
		if r.at(i).Is("(") {
			i = r.after(i)
		}
		if !r.skip(&i, "AS") || !r.at(i).Is("(") {
			return i
		}
		i = r.after(i)
		if r.skip(&i, "CYCLE") {
			for i < len(r.t) && !r.any(i, "RESTRICT") {
				i++
			}
			i++
		}
		if !r.skip(&i, ",") {
			return i
		}
	}
}

func (r *reader) setKind(i int) Kind {
	j := i + 1
	r.skipAny(&j, "GLOBAL", "SESSION", "LOCAL")
	if r.is(j, "TRANSACTION") && !r.any(j+1, "=", ":=") {
		return SetTransaction
	}
	if r.is(i+1, "PASSWORD") {
		return Account
	}
	return Set
}

func (r *reader) explainKind(i int) Kind {
	j := i + 1
	analyze := r.is(j, "ANALYZE")
	j = r.explainOptions(j)
	own := r.is(j-3, "FORMAT", "=", "HEDDLE") && j < len(r.t) // Heddle explains what servers do not
	if r.is(j, "FOR", "CONNECTION") || r.explainable(j) || own {
		if analyze {
			return Analyze
		}
		return Explain
	}
	return Describe
}

// explainOptions moves over EXTENDED, PARTITIONS, ANALYZE and FORMAT = x.
func (r *reader) explainOptions(j int) int {
	from := j
	for {
		switch {
		case r.any(j, "EXTENDED", "PARTITIONS", "ANALYZE"):
			j++
		case r.is(j, "FORMAT", "="):
			j += 3
			if r.is(j, "INTO") && r.at(j+1).Kind == UserVar {
				j += 2
			}
		default:
			if j > from && !r.explainable(j) && !r.any(j, "FOR") && j == from+1 && !r.is(from, "FORMAT") {
				return from // DESCRIBE extended: a table of that name
			}
			return j
		}
	}
}

// explainable reports whether a statement that EXPLAIN takes starts at j.
func (r *reader) explainable(j int) bool {
	return r.any(j, "SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "(", "VALUES") ||
		r.is(j, "TABLE") && r.at(j+1).Ident()
}
