package backend

import (
	"net"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// longSilence is how much longer than otherwise a server may be silent while more is sent to it than a socket's buffers
// take: one that waits for a lock in the middle of a file takes nothing, and the kernel counts its closed window as silence.
const longSilence = 10

// watchSilence has the kernel give a connection up when the server's machine, asked again and again, has acknowledged
// nothing for so long: what waits for it then fails. Without a bound that lasts as long as the kernel repeats what is not
// acknowledged, a quarter of an hour. Where the kernel knows no such bound, the count of the probes ends an idle wait.
func (l *link) watchSilence(bound time.Duration) {
	l.silence = bound
	conn, ok := l.Conn.(*net.TCPConn)
	if !ok {
		return // a socket of this machine
	}
	_ = conn.SetKeepAliveConfig(net.KeepAliveConfig{ // fails only on a closed connection
		Enable: true, Idle: max(bound/2, time.Second), Interval: max(bound/6, time.Second), Count: 3,
	})
	l.socket = tcp.Raw(conn)
	l.giveUpAfter(bound)
}

// giveUpAfter sets how long sent bytes, or probes, may stay unacknowledged.
func (l *link) giveUpAfter(bound time.Duration) {
	if l.silence > 0 {
		tcp.GiveUpAfter(l.socket, bound)
	}
}

// beLenient lengthens the bound for a command that is long; beStrict, before the next, takes that back.
func (l *link) beLenient() {
	l.lenient = true
	l.giveUpAfter(longSilence * l.silence)
}

func (l *link) beStrict() {
	l.lenient = false
	l.giveUpAfter(l.silence)
}
