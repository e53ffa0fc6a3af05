package merge

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// runBuffer is the size of a run's buffer while it is written or read.
const runBuffer = 16 << 10

// run is a temporary file of records in order: length of the data, length of the key in it, data.
type run struct {
	file   *os.File
	memory *account
	disk   *account
	size   int64
	reader *bufio.Reader
	data   []byte // the current record
	key    int
}

// write writes all records that next returns until io.EOF.
func (r *run) write(next func() (data []byte, key int, err error)) error {
	w := bufio.NewWriterSize(r.file, runBuffer)
	var head []byte
	for {
		data, key, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		head = binary.AppendUvarint(head[:0], uint64(len(data)))
		head = binary.AppendUvarint(head, uint64(key))
		n := int64(len(head) + len(data))
		if err := r.disk.grow(n); err != nil {
			return err
		}
		r.size += n
		if _, err := w.Write(head); err != nil {
			return spillFailed(r.disk.operator, err)
		}
		if _, err := w.Write(data); err != nil {
			return spillFailed(r.disk.operator, err)
		}
	}
	if err := w.Flush(); err != nil {
		return spillFailed(r.disk.operator, err)
	}
	return nil
}

// rewind begins to read the file.
func (r *run) rewind() error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return spillFailed(r.disk.operator, err)
	}
	r.reader = bufio.NewReaderSize(r.file, runBuffer)
	return nil
}

// read reads the next record into data and key, or returns io.EOF.
func (r *run) read() error {
	n, err := binary.ReadUvarint(r.reader)
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return spillFailed(r.disk.operator, err)
	}
	key, err := binary.ReadUvarint(r.reader)
	if err != nil {
		return spillFailed(r.disk.operator, err)
	}
	if key > n || int64(n) > r.size {
		return sqlerr.SpillFailed(r.disk.operator, "the file is not what was written")
	}
	if uint64(cap(r.data)) < n {
		if err := r.memory.grow(int64(n) - int64(cap(r.data))); err != nil {
			return err
		}
		r.data = make([]byte, n)
	}
	r.data, r.key = r.data[:n], int(key)
	if _, err := io.ReadFull(r.reader, r.data); err != nil {
		return spillFailed(r.disk.operator, err)
	}
	return nil
}

// close deletes the file, whose name is gone already.
func (r *run) close() {
	_ = r.file.Close() // nothing is lost with it
	r.disk.shrink(r.size)
	r.memory.shrink(int64(cap(r.data)))
	r.size, r.reader, r.data = 0, nil, nil
}
