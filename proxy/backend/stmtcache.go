package backend

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// stmtOverhead is what a statement costs beside its texts, roughly, bytes; a column likewise.
const (
	stmtOverhead   = 256
	columnOverhead = 128
)

// stmtCache keeps a connection's prepared statements, the one used longest ago goes first. It is bounded in number
// and in bytes; a statement larger than the bound is kept alone until the next.
type stmtCache struct {
	maxCount, maxBytes int

	byKey          map[stmtKey]*Stmt // made with the first statement
	newest, oldest *Stmt
	bytes          int
	closing        []uint32 // ids that the server is still to be told to close
}

func (k *stmtCache) init(count, bytes int) { k.maxCount, k.maxBytes = count, bytes }

func (k *stmtCache) get(key stmtKey) *Stmt { return k.touch(k.byKey[key]) }

// find is get without strings of the text and the types.
func (k *stmtCache) find(schema, dialect string, sql, types []byte) *Stmt {
	return k.touch(k.byKey[stmtKey{schema, dialect, string(sql), string(types)}])
}

// touch makes s, unless it is nil, the one used last.
func (k *stmtCache) touch(s *Stmt) *Stmt {
	if s != nil && s != k.newest {
		k.unlink(s)
		k.link(s)
	}
	return s
}

func (k *stmtCache) put(s *Stmt) {
	if k.byKey == nil {
		k.byKey = map[stmtKey]*Stmt{}
	}
	s.size = stmtOverhead + len(s.key.sql) + len(s.key.schema) + len(s.key.dialect) + len(s.key.types) + columnsSize(s.Params) + columnsSize(s.Columns)
	k.byKey[s.key] = s
	k.bytes += s.size
	k.link(s)
	for k.oldest != s && (len(k.byKey) > k.maxCount || k.bytes > k.maxBytes) {
		k.remove(k.oldest)
	}
}

// remove drops s and has it closed; false if it is not in the cache.
func (k *stmtCache) remove(s *Stmt) bool {
	if k.byKey[s.key] != s {
		return false
	}
	delete(k.byKey, s.key)
	k.bytes -= s.size
	k.unlink(s)
	k.closing = append(k.closing, s.ID)
	return true
}

func (k *stmtCache) link(s *Stmt) {
	s.older, s.newer = k.newest, nil
	if k.newest != nil {
		k.newest.newer = s
	} else {
		k.oldest = s
	}
	k.newest = s
}

func (k *stmtCache) unlink(s *Stmt) {
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		k.newest = s.older
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		k.oldest = s.newer
	}
	s.newer, s.older = nil, nil
}

func columnsSize(cols []sqltypes.Column) int {
	n := 0
	for i := range cols {
		c := &cols[i]
		n += columnOverhead + len(c.Schema) + len(c.Table) + len(c.OrgTable) + len(c.Name) + len(c.OrgName) + len(c.Extended)
	}
	return n
}
