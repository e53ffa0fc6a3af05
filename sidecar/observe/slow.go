package observe

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// SlowSettings are the slow-query log's.
type SlowSettings struct {
	Threshold time.Duration // of what is logged; 0: nothing is
	File      string        // "": the process's log
	Full      bool          // the client's own text, with its values, beside the one without
	Rate      int           // lines a second at most; 0: no bound
}

// SlowLog writes statements that took long, a JSON object each. A nil SlowLog writes nothing.
type SlowLog struct {
	process   *zap.Logger // where there is no file
	threshold atomic.Int64
	seen      atomic.Uint64
	unlogged  atomic.Uint64

	mu       sync.Mutex // guards what follows
	settings SlowSettings
	file     *os.File
	log      *zap.Logger
	second   int64 // of the lines counted in lines
	lines    int
}

// NewSlowLog returns a log that writes nothing until Set.
func NewSlowLog(process *zap.Logger) *SlowLog { return &SlowLog{process: process, log: process} }

// Set puts settings into force. The file is opened anew, so that one that was moved away is let go of; it is the owner's
// alone, since it may hold values. On error nothing has changed.
func (l *SlowLog) Set(s SlowSettings) error {
	var file *os.File
	log := l.process
	if s.File != "" && s.Threshold > 0 {
		var err error
		if file, err = os.OpenFile(s.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("slow_log.file: %w", err)
		}
		encoder := zap.NewProductionEncoderConfig()
		encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), &counted{file, &l.unlogged}, zapcore.InfoLevel))
	}
	l.mu.Lock()
	old := l.file
	l.settings, l.file, l.log = s, file, log
	l.mu.Unlock()
	l.threshold.Store(int64(s.Threshold))
	if old != nil {
		return old.Close()
	}
	return nil
}

// counted counts lines that could not be written.
type counted struct {
	*os.File
	failed *atomic.Uint64
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.File.Write(p)
	if err != nil {
		c.failed.Add(1)
	}
	return n, err
}

// Sync implements zapcore.WriteSyncer: a line that the system has is enough.
func (c *counted) Sync() error { return nil }

// Close closes the file.
func (l *SlowLog) Close() error {
	if l == nil {
		return nil
	}
	return l.Set(SlowSettings{})
}

func (l *SlowLog) wants(x *digest.Execution) bool {
	if l == nil {
		return false
	}
	t := l.threshold.Load()
	return t > 0 && int64(x.Took) >= t
}

// write writes one line, unless there were too many in this second.
func (l *SlowLog) write(x *digest.Execution, e *digest.Entry) {
	l.seen.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := x.Began.Add(x.Took).Unix(); second != l.second {
		l.second, l.lines = second, 0
	}
	if l.lines++; l.settings.Rate > 0 && l.lines > l.settings.Rate {
		l.unlogged.Add(1)
		return
	}
	l.log.Info("slow statement", slowFields(x, e, l.settings.Full)...)
}

func slowFields(x *digest.Execution, e *digest.Entry, full bool) []zap.Field {
	fields := []zap.Field{
		zap.Time("began", x.Began), zap.Duration("took", x.Took), zap.Duration("planning", x.Planning),
		zap.Uint32("connection", x.Connection), zap.String("user", x.User), zap.String("host", x.Host), zap.String("database", x.Schema),
		zap.String("opcode", x.Opcode.String()), zap.Int("shards", x.Shards), zap.Uint64("rows_shipped", x.Shipped),
		zap.Uint64("rows_returned", x.Returned), zap.Int64("bytes", x.Bytes),
	}
	if e != nil {
		fields = append(fields, zap.String("digest", e.ID()), zap.String("text", e.Text()))
	}
	if full {
		fields = append(fields, zap.ByteString("statement", x.Text))
	}
	if x.Code != 0 {
		fields = append(fields, zap.Uint16("error", x.Code))
	}
	if x.Pins != "" {
		fields = append(fields, zap.String("pins", x.Pins))
	}
	if x.TraceID != "" {
		fields = append(fields, zap.String("trace_id", x.TraceID))
	}
	if x.Transaction != (xa.GTRID{}) {
		fields = append(fields, zap.String("transaction", x.Transaction.String()))
	}
	return fields
}
