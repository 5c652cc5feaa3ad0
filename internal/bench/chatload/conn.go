package chatload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// stepLimit bounds the wait for the answer to a connect, hello or join.
	stepLimit = 20 * time.Second
	// readBytes is how much is read with one call, and the longest line.
	readBytes = 256 << 10
)

// Opcodes of WebSocket frames, RFC 6455 section 5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10

	maxControl = 125 // bytes of a frame that is not data
)

// buffers are shared by all connections: one is in use while bytes are read and
// looked at, and none while a connection waits.
var buffers = sync.Pool{New: func() any { b := make([]byte, readBytes); return &b }}

// conn is the client's end of a WebSocket. read is for one goroutine, write for
// any.
type conn struct {
	tcp  *net.TCPConn
	raw  syscall.RawConn
	line func([]byte) error // takes each line that comes; the bytes are its own until it returns
	idle func()             // called when all that had come was given to line; nil for none
	rest []byte             // the beginning of a line or a header
	left int                // bytes of the current frame that were not given to line
}

// dial connects and upgrades.
func (c *conn) dial(addr, path string) error {
	tcp, err := net.DialTimeout("tcp", addr, stepLimit)
	if err != nil {
		return err
	}
	c.tcp = tcp.(*net.TCPConn)
	c.tcp.SetLinger(0) // thousands of connections in TIME_WAIT would use up the ports
	if err := c.upgrade(addr, path); err != nil {
		c.tcp.Close()
		return fmt.Errorf("upgrade: %w", err)
	}
	c.raw, err = c.tcp.SyscallConn()
	return err
}

func (c *conn) upgrade(addr, path string) error {
	c.tcp.SetDeadline(time.Now().Add(stepLimit)) // an error shows at the next call
	request := "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2htYXJrIGNsaWVudA==\r\n\r\n"
	if _, err := c.tcp.Write([]byte(request)); err != nil {
		return err
	}
	answer := make([]byte, 0, 1024)
	for {
		n, err := c.tcp.Read(answer[len(answer):cap(answer)])
		if answer = answer[:len(answer)+n]; err != nil {
			return err
		}
		end := bytes.Index(answer, []byte("\r\n\r\n"))
		if end < 0 && len(answer) < cap(answer) {
			continue
		}
		if status, _, _ := bytes.Cut(answer, []byte("\r\n")); end < 0 || !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
			return fmt.Errorf("the server answered %q", status)
		}
		c.rest = answer[end+4:]
		return c.tcp.SetDeadline(time.Time{})
	}
}

// read gives lines to c.line until the connection ends or line returns an error.
func (c *conn) read() error {
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		failed = c.drain(int(fd))
		return failed != nil // else wait for more
	})
	return errors.Join(failed, err)
}

// drain reads what has come. A read that does not fill the buffer has emptied the
// socket, which saves asking once more: the poller tells of everything later.
func (c *conn) drain(fd int) error {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf := *pooled
	have := copy(buf, c.rest)
	for {
		n, err := syscall.Read(fd, buf[have:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			n = 0
		case err != nil:
			return err
		case n == 0 && have < len(buf):
			return io.ErrUnexpectedEOF
		}
		full := have+n == len(buf)
		used, err := c.take(buf[:have+n])
		if err != nil {
			return err
		}
		have = copy(buf, buf[used:have+n])
		if full && used > 0 {
			continue
		}
		if full {
			return fmt.Errorf("a line of more than %d bytes", readBytes)
		}
		c.rest = append(c.rest[:0], buf[:have]...)
		if c.idle != nil {
			c.idle()
		}
		return nil
	}
}

// take gives the lines in b to c.line and returns how many bytes it has used; the
// others are the beginning of something.
func (c *conn) take(b []byte) (used int, err error) {
	for {
		if c.left == 0 {
			op, size, n := header(b[used:])
			if n == 0 {
				return used, nil
			}
			if size < 0 || op >= opClose && size > maxControl {
				return used, fmt.Errorf("a frame of kind %d with %d bytes", op, size)
			}
			if op >= opClose {
				if len(b)-used-n < size {
					return used, nil
				}
				if err := c.control(op, b[used+n:used+n+size]); err != nil {
					return used, err
				}
				used += n + size
				continue
			}
			used += n
			c.left = size
		}
		payload := b[used:]
		if len(payload) > c.left {
			payload = payload[:c.left]
		}
		n, err := c.lines(payload, len(payload) == c.left)
		used += n
		c.left -= n
		if err != nil || c.left > 0 {
			return used, err
		}
	}
}

// lines gives the lines of a payload to c.line. Only at the end of a frame does a
// line end without a line feed.
func (c *conn) lines(p []byte, end bool) (used int, err error) {
	for used < len(p) {
		line := p[used:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
			used++
		} else if !end {
			return used, nil
		}
		used += len(line)
		if err := c.line(line); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (c *conn) control(op int, payload []byte) error {
	switch {
	case op == opClose && len(payload) >= 2:
		return fmt.Errorf("closed by the server: %d %s", binary.BigEndian.Uint16(payload), payload[2:])
	case op == opClose:
		return errors.New("closed by the server")
	case op == opPing:
		return c.write(frame(opPong, payload))
	}
	return nil
}

// write sends frames, whole.
func (c *conn) write(frames []byte) error {
	_, err := c.tcp.Write(frames)
	return err
}

// header reads the header of a server's frame: its opcode, the size of its payload
// and its own length, 0 when it is not whole yet.
func header(b []byte) (op, size, length int) {
	if len(b) < 2 {
		return 0, 0, 0
	}
	op, size, length = int(b[0]&15), int(b[1]&127), 2
	switch {
	case size == 126 && len(b) >= 4:
		return op, int(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		return op, int(binary.BigEndian.Uint64(b[2:])), 10
	case size >= 126:
		return 0, 0, 0
	}
	return op, size, length
}

// frame returns a client's frame. Its mask is zero, which is a mask: the server
// has the same work with it, and the payload can be changed in place.
func frame(op int, payload []byte) []byte {
	const masked = 128
	b := []byte{128 | byte(op)}
	if len(payload) < 126 {
		b = append(b, masked|byte(len(payload)))
	} else {
		b = append(b, masked|126)
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	}
	b = append(b, 0, 0, 0, 0)
	return append(b, payload...)
}
