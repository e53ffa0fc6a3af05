package merge

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Spill is where operators may put what memory does not hold: temporary files in one directory, counted by a quota
// whose setting errors name. The files have no name once they are open, so that neither Close nor a crash leaves one.
type Spill struct {
	Dir   string
	Quota *Budget // bytes of files; nil: no limit
}

// spillNames is the pattern of what the files are called until they are open.
const spillNames = "heddle-sort-*"

// Clean removes what a process that ended between two steps may have left.
func (s *Spill) Clean() error {
	left, err := filepath.Glob(filepath.Join(s.Dir, spillNames))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// spillFailed is an input or output error on a temporary file, without the file's path.
func spillFailed(operator string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return sqlerr.SpillFailed(operator, err.Error())
}

// runs are the sorted runs of one Sort. The memory for reading a run is reserved when the run is made, while there
// is room: what was written can be read back.
type runs struct {
	spill  *Spill
	memory *account // of the Sort: the files' buffers
	disk   *account
	list   []*run
	ready  bool // the writing buffer is reserved
}

// maxRuns is how many runs are merged at once; more are first made into one.
const maxRuns = 32

func newRuns(spill *Spill, memory *account) *runs {
	return &runs{spill: spill, memory: memory, disk: &account{budget: spill.Quota, operator: memory.operator}}
}

// any reports whether something was written.
func (r *runs) any() bool { return len(r.list) > 0 }

// prepare reserves the writing buffer, which is needed when nothing else is left.
func (r *runs) prepare() error {
	if r.ready {
		return nil
	}
	r.ready = true
	return r.memory.grow(runBuffer)
}

// write makes a run of sorted entries, the youngest. free is called when they are on disk.
func (r *runs) write(entries []entry, free func()) error {
	i := 0
	if err := r.add(func() ([]byte, int, error) {
		if i == len(entries) {
			return nil, 0, io.EOF
		}
		i++
		return entries[i-1].data, entries[i-1].key, nil
	}); err != nil {
		return err
	}
	free()
	if err := r.memory.grow(runBuffer); err != nil {
		return err
	}
	// Runs shorter than the buffers of all of them would leave ever less room for the next.
	if last := r.list[len(r.list)-1]; len(r.list) < maxRuns && int64(len(r.list))*runBuffer < max(last.size, 2*runBuffer) {
		return nil
	}
	return r.compact()
}

// add makes a run of the records that next returns.
func (r *runs) add(next func() (data []byte, key int, err error)) error {
	f, err := os.CreateTemp(r.spill.Dir, spillNames)
	if err != nil {
		return spillFailed(r.memory.operator, err)
	}
	n := &run{file: f, memory: r.memory, disk: r.disk}
	r.list = append(r.list, n)
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) { // a process that starts may have found it
		return spillFailed(r.memory.operator, err)
	}
	return n.write(next)
}

// compact merges all runs into one.
func (r *runs) compact() error {
	old := r.list
	m, err := r.open()
	if err != nil {
		return err
	}
	r.list = nil
	err = r.add(m.next)
	for _, n := range old {
		n.close()
	}
	r.memory.shrink(int64(len(old)-1) * runBuffer)
	return err
}

// open begins to read all runs, merged.
func (r *runs) open() (*runMerge, error) {
	m := &runMerge{runs: r.list, tree: newTournament(len(r.list))}
	for i, n := range r.list {
		if err := n.rewind(); err != nil {
			return nil, err
		}
		if err := m.load(i); err != nil {
			return nil, err
		}
	}
	m.tree.build()
	return m, nil
}

// merged returns a reader of the cells of all rows in order.
func (r *runs) merged() (func() ([]byte, error), error) {
	m, err := r.open()
	if err != nil {
		return nil, err
	}
	return func() ([]byte, error) {
		data, key, err := m.next()
		if err != nil {
			return nil, err
		}
		return data[key:], nil
	}, nil
}

// close deletes all runs.
func (r *runs) close() {
	for _, n := range r.list {
		n.close()
	}
	r.list = nil
	r.disk.release()
}

// runMerge merges runs; equal keys go by the runs' age, which is the input's order.
type runMerge struct {
	runs    []*run
	tree    *tournament
	started bool
}

// load reads run i's next record.
func (m *runMerge) load(i int) error {
	err := m.runs[i].read()
	if err == io.EOF {
		m.tree.keys[i] = nil
		return nil
	}
	if err != nil {
		return err
	}
	m.tree.keys[i] = m.runs[i].data[:m.runs[i].key]
	return nil
}

// next returns the least record. It is valid until the next call.
func (m *runMerge) next() ([]byte, int, error) {
	if m.started {
		if w := m.tree.winner(); w >= 0 {
			if err := m.load(w); err != nil {
				return nil, 0, err
			}
			m.tree.replay()
		}
	}
	m.started = true
	w := m.tree.winner()
	if w < 0 {
		return nil, 0, io.EOF
	}
	return m.runs[w].data, m.runs[w].key, nil
}
