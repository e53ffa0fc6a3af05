package parser

import "strings"

// uses walks over the tokens and records the features.
func (r *reader) uses(start int) {
	u := &r.st.Uses
	if r.st.Params > 0 {
		u.Bits |= UseParams
	}
	r.written = map[int]bool{}
	for i := start; i < len(r.t); i++ {
		t := r.t[i]
		switch t.Kind {
		case UserVar:
			r.userVar(u, i)
		case SysVar:
			r.sysVar(u, i)
		case Word:
			if t.Is("SELECT") {
				if t.Depth > 0 && !r.st.wrapped(i) {
					u.add(UseSubquery, "", i)
				}
			}
			r.wordUse(u, i)
		case Quoted:
			if r.is(i+1, "(") && r.is(i-1, ".") {
				u.add(UseUnknownFunction, r.name(i), i)
			}
		}
	}
}

// wrapped reports whether only parentheses that hold a whole query, or an operand of UNION, stand around token i.
func (st *Statement) wrapped(i int) bool {
	if st.Kind != Select {
		return false
	}
	r := &reader{st: st, t: st.Tokens}
	for k, n := int(st.encl[i]), 0; k >= 0; k, n = int(st.encl[k]), n+1 {
		p := k - 1
		if r.any(p, "ALL", "DISTINCT") {
			p--
			if !r.any(p, "UNION", "EXCEPT", "INTERSECT", "MINUS") {
				return false
			}
		}
		if n > 64 || p >= 0 && !r.any(p, "(", "UNION", "EXCEPT", "INTERSECT", "MINUS") && st.Tokens[p].End != st.Prefix.End {
			return false
		}
	}
	return true
}

func (r *reader) userVar(u *Uses, i int) {
	name := r.varName(i)
	if r.is(i-1, "@") || r.at(i-1).Kind == String || (r.at(i-1).Ident() && r.at(i-1).End == r.t[i].Start) {
		return // user@host
	}
	switch {
	case r.is(i+1, ":="), r.st.Kind == Set && r.is(i+1, "=") && r.setTarget(i):
		u.add(UseUserVarWrite, name, i)
	case r.intoVar(i):
		u.add(UseUserVarWrite, name, i)
	default:
		u.add(UseUserVarRead, name, i)
	}
}

// varName is the name of the user variable at i, without @ and quotes.
func (r *reader) varName(i int) string {
	s := r.t[i].In(r.st.Text)[1:]
	if len(s) > 1 && (s[0] == '`' || s[0] == '\'' || s[0] == '"') {
		m := r.st.Mode
		if s[0] == '`' {
			m.SQLMode |= NoBackslashEscapes
		}
		return string(unquote([]byte(s[1:len(s)-1]), s[0], m))
	}
	return s
}

// setTarget reports whether token i begins an assignment of SET.
func (r *reader) setTarget(i int) bool {
	return r.any(i-1, ",", "SET") && r.t[i].Depth == r.at(0).Depth
}

// intoVars marks the variables behind the INTO at i.
func (r *reader) intoVars(i int) {
	for k := i + 1; r.at(k).Kind == UserVar; k += 2 {
		r.written[k] = true
		if !r.is(k+1, ",") {
			return
		}
	}
}

// intoVar reports whether the variable at i is written by INTO @a, @b or by LOAD DATA's column list.
func (r *reader) intoVar(i int) bool {
	return r.written[i] || r.st.Kind == LoadData && r.t[i].Depth == 1 && (r.is(i-1, "(") || r.is(i-1, ","))
}

func (r *reader) sysVar(u *Uses, i int) {
	name := r.name(i + 1)
	if r.is(i+2, ".") {
		scope := strings.ToUpper(name)
		name += "." + r.name(i+3)
		if scope == "GLOBAL" || scope == "SESSION" || scope == "LOCAL" || scope == "PERSIST" || scope == "PERSIST_ONLY" {
			name = r.name(i + 3)
			if r.is(i+4, ".") {
				name += "." + r.name(i+5)
			}
		}
	}
	u.add(UseSysVar, lower(name), i)
}

// wordUse looks at one word: a function, a clause, a hint to the lock manager.
func (r *reader) wordUse(u *Uses, i int) {
	t := r.t[i]
	if t.Word == "" {
		if r.is(i+1, "(") && !r.tableAt[i] && !r.columnList(i) { // db.function(…)
			u.add(UseUnknownFunction, strings.ToUpper(r.name(i)), i)
		}
		if up := strings.ToUpper(r.name(i)); (up == "NEXTVAL" || up == "CURRVAL") && r.st.Mode.SQLMode.Has(Oracle) {
			u.add(UseSequence, up, i)
		}
		return
	}
	if r.is(i+1, "(") && !r.tableAt[i] && !r.is(i+1, "(", "+") {
		r.callUse(u, i)
	} else if f, ok := bare[t.Word]; ok && !r.is(i-1, "AS") && !r.is(i+1, ".") {
		u.add(f, t.Word, i)
	} else if f, ok := oracleBare[t.Word]; ok && r.st.Mode.SQLMode.Has(Oracle) && !r.any(i-1, "AS", ".") && !r.is(i+1, ".") {
		u.add(f, t.Word, i)
	}
	switch t.Word {
	case "SQL":
		if r.is(i+1, "%", "ROWCOUNT") && r.st.Mode.SQLMode.Has(Oracle) && r.st.Mode.Flavour.MariaDB {
			u.add(UseRowCount, SQLRowCount, i)
		}
	case "SQL_CALC_FOUND_ROWS":
		u.add(UseCalcFoundRows, "", i)
	case "INTO":
		r.intoVars(i)
	case "SQL_NO_CACHE":
		u.add(UseSQLNoCache, "", i)
	case "FOR":
		switch {
		case r.is(i+1, "UPDATE"):
			u.add(UseForUpdate, "", i)
		case r.is(i+1, "SHARE"):
			u.add(UseForShare, "", i)
		case r.any(i+1, "SYSTEM_TIME", "PORTION"):
			u.add(UseSystemTime, "", i)
		}
	case "LOCK":
		if r.is(i+1, "IN", "SHARE", "MODE") {
			u.add(UseForShare, "", i)
		}
	case "OVER":
		if r.is(i-1, ")") && (r.is(i+1, "(") || r.at(i+1).Ident()) {
			u.add(UseWindow, "", i)
		}
	case "NEXT", "PREVIOUS":
		if r.is(i+1, "VALUE", "FOR") {
			u.add(UseSequence, t.Word+" VALUE FOR", i)
		}
	case "OUTFILE", "DUMPFILE":
		if r.is(i-1, "INTO") {
			u.add(UseOutfile, t.Word, i)
		}
	case "GROUP":
		if r.is(i+1, "BY") {
			u.add(UseGrouping, "", i)
		}
	case "PARTITION":
		if r.is(i+1, "(") && r.st.Kind <= Delete {
			u.add(UsePartition, "", i)
		}
	case "USE", "FORCE", "IGNORE":
		if r.any(i+1, "INDEX", "KEY") {
			u.add(UseIndexHint, "", i)
		}
	case "PROCEDURE":
		if r.is(i+1, "ANALYSE") {
			u.add(UseProcedureAnalyse, "", i)
		}
	case "AGAINST":
		u.add(UseMatch, "", i)
	}
}

// callUse records the call of a function at i. Words that take a parenthesis without being functions are passed over.
func (r *reader) callUse(u *Uses, i int) {
	t := r.t[i]
	if r.columnList(i) {
		return
	}
	if notFunctions[t.Word] {
		if unreserved[t.Word] {
			u.add(UseWordCall, t.Word, i)
		}
		return
	}
	f, known := functionUse[t.Word]
	switch {
	case !known:
		u.add(UseUnknownFunction, t.Word, i)
	case t.Word == "LAST_INSERT_ID" && !r.is(i+2, ")"):
		u.add(UseLastInsertIDArg, t.Word, i)
	case t.Word == "UNIX_TIMESTAMP" && !r.is(i+2, ")"):
	case (t.Word == "VALUES" || t.Word == "VALUE") && (r.any(i-1, ")", "SELECT") || r.tableAt[i-1] || r.st.Clauses != nil && r.st.Clauses.Values.Start == t.Start):
	case f != 0:
		u.add(f, t.Word, i)
	}
}

// columnList reports whether the parenthesis after the word at i holds names: WITH t(a), AS t(a), INSERT INTO t(a),
// INDEX (a), a type's length.
func (r *reader) columnList(i int) bool {
	if r.st.Kind >= CreateTable && r.st.Kind <= OtherDDL && !(r.st.DDL != nil && r.st.DDL.Select.Present() && r.t[i].Start > r.st.DDL.Select.Start) {
		return functionUse[r.t[i].Word] == 0
	}
	if r.any(i-1, "AS", "WITH", "RECURSIVE", "INTO") || r.is(i-1, ")") {
		return true
	}
	if r.cteAt[i] {
		return true
	}
	if r.is(i-1, ",") && i > 1 && r.is(i-2, ")") && r.is(r.after(i+1), "AS", "(") {
		return true
	}
	return false
}

// unreserved are those of notFunctions that a server lets a stored function be called.
var unreserved = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`ANY SOME WINDOW COLUMNS PATH NESTED ESCAPE FIELDS LINES OFFSET FETCH TABLES MEMBER WITHIN ROLLUP
		UNTIL XMLTABLE BIT TEXT ENUM FILTER IMMEDIATE FUNCTION PREFIX SUFFIX NO_INDEX TO_ARRAY ARRAY AGAINST SIGNED NCHAR NVARCHAR
		DATETIME DUPLICATE VALUES_ROW END EXECUTE OF`) {
		m[w] = true
	}
	return m
}()

// notFunctions are words that a parenthesis may follow though they call nothing.
var notFunctions = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`SELECT FROM WHERE AND OR XOR NOT IN ON USING BY HAVING LIMIT BETWEEN LIKE REGEXP RLIKE
		DIV IS AS SET WHEN THEN ELSE CASE END ALL ANY SOME EXISTS DISTINCT DISTINCTROW UNION EXCEPT INTERSECT MINUS JOIN OVER
		WITH RECURSIVE INDEX KEY PARTITION AGAINST BINARY VARBINARY VARCHAR CHARACTER DECIMAL DEC NUMERIC FLOAT DOUBLE REAL
		SIGNED UNSIGNED NCHAR NVARCHAR DATETIME WINDOW COLUMNS PATH NESTED ESCAPE SEPARATOR RETURNING DUAL LATERAL USE FORCE
		IGNORE PRIMARY UNIQUE FOREIGN REFERENCES CHECK CONSTRAINT FIELDS LINES UPDATE DELETE INTO CALL DO EXPLAIN VALUES_ROW
		OFFSET FETCH COLLATE GROUP ORDER TABLE TABLES FOR OF MEMBER WITHIN ROLLUP ANALYZE DESCRIBE STRAIGHT_JOIN UNTIL WHILE
		RETURN OUT INOUT XMLTABLE INT INTEGER BIGINT SMALLINT TINYINT MEDIUMINT BIT TEXT BLOB ENUM FILTER TO IMMEDIATE
		FUNCTION PROCEDURE PREFIX SUFFIX NO_INDEX TO_ARRAY ARRAY NATURAL INNER CROSS HIGH_PRIORITY SQL_NO_CACHE SQL_CACHE
		SQL_CALC_FOUND_ROWS SQL_SMALL_RESULT SQL_BIG_RESULT SQL_BUFFER_RESULT DUPLICATE`) {
		m[w] = true
	}
	return m
}()
