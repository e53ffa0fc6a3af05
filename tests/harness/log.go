package harness

import (
	"bytes"
	"strings"
	"sync"
)

// logBuffer keeps what a process prints and tells when it is ready.
type logBuffer struct {
	ready chan struct{} // closed at the first whole line with the word ready

	mu   sync.Mutex // guards text and seen
	text []byte
	seen bool
}

func newLogBuffer() *logBuffer { return &logBuffer{ready: make(chan struct{})} }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := bytes.LastIndexByte(l.text, '\n') + 1
	l.text = append(l.text, p...)
	if whole := bytes.LastIndexByte(l.text, '\n'); !l.seen && whole >= from && bytes.Contains(l.text[from:whole], []byte("ready")) {
		l.seen = true
		close(l.ready)
	}
	return len(p), nil
}

// String is everything so far.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// lastLines of the log, for a message.
func (l *logBuffer) lastLines(n int) string {
	lines := strings.Split(strings.TrimRight(l.String(), "\n"), "\n")
	if len(lines) > n {
		lines = append([]string{"…"}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}

// alarms are lines that no run may print.
var alarms = []string{"WARNING: DATA RACE", "panic: ", "fatal error: "}

// recovered is what a session logs, anywhere in a line, when it has ended by a panic.
const recovered = "client session panicked"

// alarm is the first of alarms in the log, or "".
func (l *logBuffer) alarm() string {
	text := l.String()
	for _, a := range alarms {
		if strings.HasPrefix(text, a) || strings.Contains(text, "\n"+a) {
			return a
		}
	}
	if strings.Contains(text, recovered) {
		return recovered
	}
	return ""
}
