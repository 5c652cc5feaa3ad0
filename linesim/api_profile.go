package linesim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// followersPage and maxFollowersPage are the default and the largest page of follower ids.
	followersPage    = 300
	maxFollowersPage = 1000
	// membersPage is the page of member ids.
	membersPage = 100
)

// userProfile is LINE's profile of a user; in groups without language and status.
type userProfile struct {
	DisplayName   string `json:"displayName"`
	UserID        string `json:"userId"`
	Language      string `json:"language,omitempty"`
	PictureURL    string `json:"pictureUrl,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
}

// badParameter is LINE's answer to an id in the path that cannot be one.
func badParameter(name string) error {
	return rule.Refuse(http.StatusBadRequest, "The value for the '"+name+"' parameter is invalid")
}

// profile answers GET /v2/bot/profile/{userId}.
func (s *Simulator) profile(c *call) (answer, error) {
	id := c.r.PathValue("userId")
	if !rule.ChatID(id, "U") {
		return answer{}, badParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, known := s.users[id]
	if !known || !a.profileVisible() {
		return answer{}, notFound()
	}
	return success(userProfile{a.DisplayName, a.UserID, a.Language, a.PictureURL, a.StatusMessage})
}

// followers answers GET /v2/bot/followers/ids. The continuation token is the number of users passed.
func (s *Simulator) followers(c *call) (answer, error) {
	limit, err := pageLimit(c, followersPage, maxFollowersPage)
	if err != nil {
		return answer{}, err
	}
	start, err := pageStart(c)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page := struct {
		UserIDs []string `json:"userIds"`
		Next    string   `json:"next,omitempty"`
	}{UserIDs: []string{}}
	for i := start; i < len(s.userOrder); i++ {
		if len(page.UserIDs) == limit {
			page.Next = strconv.Itoa(i)
			break
		}
		if s.userOrder[i].Following {
			page.UserIDs = append(page.UserIDs, s.userOrder[i].UserID)
		}
	}
	return success(page)
}

// pageLimit reads how many entries of a list are asked for.
func pageLimit(c *call, def, most int) (int, error) {
	v := c.r.URL.Query().Get("limit")
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		return 0, badParameter("limit")
	}
	return n, nil
}

// pageStart reads the continuation token of a list.
func pageStart(c *call) (int, error) {
	v := c.r.URL.Query().Get("start")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, badParameter("start")
	}
	return n, nil
}

// botInfo answers GET /v2/bot/info.
func (s *Simulator) botInfo(*call) (answer, error) {
	return success(map[string]string{
		"userId": s.botUserID, "basicId": "@simulated", "displayName": s.cfg.BotName,
		"chatMode": "chat", "markAsReadMode": "manual",
	})
}

// chatLocked finds the group or room of a call's path; the bot must be in it.
func (s *Simulator) chatLocked(c *call) (*Group, error) {
	name, kind := "groupId", "C"
	if c.r.PathValue(name) == "" {
		name, kind = "roomId", "R"
	}
	id := c.r.PathValue(name)
	if !rule.ChatID(id, kind) {
		return nil, badParameter(name)
	}
	if g, known := s.groups[id]; known && g.Joined {
		return g, nil
	}
	return nil, notFound()
}

// groupSummary answers GET /v2/bot/group/{groupId}/summary.
func (s *Simulator) groupSummary(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.chatLocked(c)
	if err != nil {
		return answer{}, err
	}
	return success(map[string]string{"groupId": g.GroupID, "groupName": g.Name})
}

// memberProfile answers the profile of a member, friend of the bot or not.
func (s *Simulator) memberProfile(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.chatLocked(c)
	if err != nil {
		return answer{}, err
	}
	id := c.r.PathValue("userId")
	if !rule.ChatID(id, "U") {
		return answer{}, badParameter("userId")
	}
	if !slices.Contains(g.Members, id) {
		return answer{}, notFound()
	}
	a := s.users[id]
	return success(userProfile{DisplayName: a.DisplayName, UserID: a.UserID, PictureURL: a.PictureURL})
}

// memberCount answers the number of members without the bot.
func (s *Simulator) memberCount(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.chatLocked(c)
	if err != nil {
		return answer{}, err
	}
	return success(map[string]int{"count": len(g.Members)})
}

// memberIDs answers the members of a group or room, 100 a page.
func (s *Simulator) memberIDs(c *call) (answer, error) {
	start, err := pageStart(c)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.chatLocked(c)
	if err != nil {
		return answer{}, err
	}
	page := struct {
		MemberIDs []string `json:"memberIds"`
		Next      string   `json:"next,omitempty"`
	}{MemberIDs: []string{}}
	rest := g.Members[min(start, len(g.Members)):]
	if len(rest) > membersPage {
		rest, page.Next = rest[:membersPage], strconv.Itoa(start+membersPage)
	}
	page.MemberIDs = append(page.MemberIDs, rest...)
	return success(page)
}

// leaveChat answers POST …/leave. The leave event is sent where the queue of webhooks has room.
func (s *Simulator) leaveChat(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.chatLocked(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.roomLocked(); err != nil {
		return answer{}, err
	}
	s.leaveLocked(g)
	return success(empty{})
}

// startLoading answers POST /v2/bot/chat/loading/start.
func (s *Simulator) startLoading(c *call) (answer, error) {
	var req rule.Loading
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	seconds, err := req.Seconds()
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a, known := s.users[req.ChatID]; known && a.reachable(now) {
		a.loadingUntil = now.Add(time.Duration(seconds) * time.Second)
		s.publishLocked(streamLoading, loading{UserID: a.UserID, Seconds: seconds, At: now.UTC()})
	}
	return answer{status: http.StatusAccepted, body: empty{}}, nil
}

// endLoadingLocked ends a loading animation, as any message of the bot does.
func (s *Simulator) endLoadingLocked(a *account, now time.Time) {
	if now.Before(a.loadingUntil) {
		s.publishLocked(streamLoading, loading{UserID: a.UserID, At: now.UTC()})
	}
	a.loadingUntil = time.Time{}
}

// markAsRead answers POST /v2/bot/chat/markAsRead.
func (s *Simulator) markAsRead(c *call) (answer, error) {
	req := struct {
		Token string `json:"markAsReadToken"`
	}{}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if !s.validReadToken(req.Token) {
		return answer{}, rule.Refuse(http.StatusBadRequest,
			"Invalid markAsReadToken. Tokens must be used by the bot that received them via Webhook.")
	}
	return success(empty{})
}

// markUserAsRead answers POST /v2/bot/message/markAsRead, which LINE offers to its partners only.
func (s *Simulator) markUserAsRead(c *call) (answer, error) {
	req := struct {
		Chat struct {
			UserID string `json:"userId"`
		} `json:"chat"`
	}{}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if !rule.ChatID(req.Chat.UserID, "U") {
		return answer{}, rule.BadProperty("chat.userId")
	}
	return success(empty{})
}

// messageQuota answers GET /v2/bot/message/quota.
func (s *Simulator) messageQuota(*call) (answer, error) {
	if s.cfg.MonthlyQuota == 0 {
		return success(map[string]any{"type": "none"})
	}
	return success(map[string]any{"type": "limited", "value": s.cfg.MonthlyQuota})
}

// quotaConsumption answers GET /v2/bot/message/quota/consumption.
func (s *Simulator) quotaConsumption(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota.roll(time.Now())
	return success(map[string]json.Number{"totalUsage": json.Number(strconv.FormatInt(s.quota.used, 10))})
}
