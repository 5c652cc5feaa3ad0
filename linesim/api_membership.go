package linesim

import "strconv"

// membershipID is the id of the one membership plan that the simulated channel has. Nobody has joined it.
const membershipID = 1

// memberships answers GET /v2/bot/membership/list.
func (s *Simulator) memberships(*call) (answer, error) {
	return success(map[string]any{"memberships": []map[string]any{{
		"membershipId": membershipID, "title": "Simulated plan", "description": "A plan that nobody can join.",
		"benefits": []string{"None"}, "price": 500, "currency": "JPY", "memberCount": 0, "memberLimit": nil,
		"isInAppPurchase": false, "isPublished": true,
	}}})
}

// subscription answers GET /v2/bot/membership/subscription/{userId}.
func (s *Simulator) subscription(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.pathUserLocked(c); err != nil {
		return answer{}, err
	}
	return success(map[string]any{"subscriptions": []struct{}{}})
}

// membershipUsers answers GET /v2/bot/membership/{membershipId}/users/ids.
func (s *Simulator) membershipUsers(c *call) (answer, error) {
	id, err := strconv.Atoi(c.r.PathValue("membershipId"))
	if err != nil {
		return answer{}, badParameter("membershipId")
	}
	if id != membershipID {
		return answer{}, notFound()
	}
	return success(map[string][]string{"userIds": {}})
}
