package parser

// ddlKind classifies CREATE, ALTER and DROP.
func (r *reader) ddlKind(i int) Kind {
	verb := r.at(i).Word
	noun, temp := r.ddlNoun(i)
	switch noun {
	case "TABLE", "TABLES":
		switch {
		case verb == "ALTER":
			return AlterTable
		case verb == "CREATE" && temp:
			return CreateTemporaryTable
		case verb == "CREATE":
			return CreateTable
		case temp:
			return DropTemporaryTable
		}
		return DropTable
	case "INDEX":
		if verb == "CREATE" {
			return CreateIndex
		}
		return DropIndex
	case "VIEW":
		if verb == "DROP" {
			return DropView
		}
		return CreateView // ALTER VIEW replaces it all the same
	case "DATABASE", "SCHEMA":
		switch verb {
		case "CREATE":
			return CreateDatabase
		case "ALTER":
			return AlterDatabase
		}
		return DropDatabase
	case "USER", "ROLE":
		return Account
	case "PREPARE":
		return Deallocate
	}
	return OtherDDL
}

// nouns are the kinds of objects of DDL.
var nouns = map[string]bool{
	"TABLE": true, "TABLES": true, "INDEX": true, "VIEW": true, "DATABASE": true, "SCHEMA": true, "USER": true, "ROLE": true,
	"PREPARE": true, "PROCEDURE": true, "FUNCTION": true, "TRIGGER": true, "EVENT": true, "PACKAGE": true, "SEQUENCE": true,
	"SERVER": true, "TABLESPACE": true, "LOGFILE": true, "RESOURCE": true, "INSTANCE": true, "SPATIAL REFERENCE": true, "UNDO": true,
}

// ddlNoun finds what kind of object the DDL at i is about, after modifiers such as OR REPLACE, TEMPORARY, DEFINER = x.
func (r *reader) ddlNoun(i int) (noun string, temporary bool) {
	j := r.nounAt(i)
	for k := i; k < j; k++ {
		if r.is(k, "TEMPORARY") {
			temporary = true
		}
	}
	return r.at(j).Word, temporary
}

// nounAt is the index of the noun, or of the end of what can stand before it.
func (r *reader) nounAt(i int) int {
	for j := i + 1; j < len(r.t); j++ {
		t := r.t[j]
		switch {
		case t.Is("="): // DEFINER = name, ALGORITHM = word
			j++
			if r.at(j+1).Kind == UserVar {
				j++
			}
			if r.at(j + 1).Is("(") {
				j = r.after(j+1) - 1
			}
		case t.Kind == Word && nouns[t.Word]:
			return j
		case t.Kind != Word:
			return j
		}
	}
	return len(r.t)
}

// ddlDetail reads what CREATE, ALTER, DROP and their kin say beside tables; it gives the index of the object's name.
func (r *reader) ddlDetail(i int) int {
	d := &DDLDetail{}
	r.st.DDL = d
	j := r.nounAt(i)
	for k := i; k < j; k++ {
		d.OrReplace = d.OrReplace || r.is(k, "OR", "REPLACE")
		d.Temporary = d.Temporary || r.is(k, "TEMPORARY")
	}
	d.Object = lower(r.at(j).Word)
	if d.Object == "tables" {
		d.Object = "table"
	}
	if d.Object == "schema" {
		d.Object = "database"
	}
	j++
	if d.Object == "package" {
		if r.skip(&j, "BODY") {
			d.Object = "package body"
		}
	}
	for {
		switch {
		case r.skip(&j, "IF", "NOT", "EXISTS"):
			d.IfNotExists = true
		case r.skip(&j, "IF", "EXISTS"):
			d.IfExists = true
		case r.is(j, "WAIT") && r.at(j+1).Kind == Int:
			j += 2
		case r.is(j, "NOWAIT"):
			j++
		default:
			if ref, _, ok := r.tableName(j); ok {
				d.Name, d.Schema, d.NameSpan, d.SchemaSpan = ref.Name, ref.Schema, ref.NameSpan, ref.SchemaSpan
			}
			d.Soname = d.Object == "function" && r.st.Has("SONAME") && !r.st.Has("RETURN")
			return j
		}
	}
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
