"""Decide about a pilot: accept what the rule recommends, or override it with a second executive.

A decision stands on one analysis and names it by fingerprint. One against the recommendation counts
once a second executive has signed it too; a roll-out through a closed gate is such a one, and that
is the waiver. A decision that counts is superseded only on a newer analysis.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from app.analyse.kept import fingerprint_of, refuse_veiled, result_kept, standing
from app.people.caller import Caller
from app.people.sign_ins import check_password
from app.people.users import emails_of
from app.plan.service import pilot_id
from app.refusals import NotAllowed, NotFound, NotNow, Stale
from app.tables import AnalysisRow, Choice, DecisionRow, PilotRow, SignatureRow, SignedWhat
from experiments.decide.recommendation import Recommendation, recommend
from experiments.decide.verdict import Reason, Status
from experiments.errors import BadInput, Problem
from experiments.plan.registration import Registration
from experiments.report.plain import Json
from experiments.report.wording import counted

FEWEST_WORDS: Final = 4
LONGEST_REASON: Final = 2000
REFUSED: Final = "Nothing was signed."


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What an executive is asked.

    Attributes:
        analysis: The newest analysis for which the veil was not lifted.
        fingerprint: Of what it shows; a decision has to name it.
        recommendation: What the rule recommends.
        decision: The newest decision, on this or an earlier analysis; None before the first.
    """

    analysis: AnalysisRow
    fingerprint: str
    recommendation: Recommendation
    decision: DecisionRow | None

    @property
    def settled(self) -> bool:
        """Whether a decision on this analysis counts."""
        decision = self.decision
        return decision is not None and counts(decision) and self.concerns(decision)

    @property
    def waits_for_second(self) -> bool:
        """Whether a decision on this analysis waits for a second executive."""
        decision = self.decision
        return decision is not None and not counts(decision) and self.concerns(decision)

    def concerns(self, decision: DecisionRow) -> bool:
        """Whether a decision was made on this analysis."""
        return decision.analysis_id == self.analysis.id


def counts(decision: DecisionRow) -> bool:
    """Whether a decision needs nobody any more."""
    return not decision.needs_second or decision.seconded_by is not None


def fingerprint_of_decision(decision: DecisionRow) -> str:
    """SHA-256 over what a second executive is shown: the analysis, the choice, its reason."""
    said = "\n".join((decision.fingerprint, decision.choice, decision.reason))
    return hashlib.sha256(said.encode()).hexdigest()


def question_of(session: Session, pilot: PilotRow) -> OpenQuestion:
    """What an executive is asked about a pilot.

    Raises:
        NotFound: There is no analysis yet.
    """
    analysis = standing(session, pilot)
    if analysis is None:
        raise NotFound(f"analysis of pilot {pilot.slug!r} yet")
    return OpenQuestion(
        analysis=analysis,
        fingerprint=fingerprint_of(analysis),
        recommendation=recommendation_of(analysis),
        decision=decision_of(session, pilot),
    )


def said(session: Session, question: OpenQuestion) -> Json:
    """The question and its newest decision, for scripts."""
    decision = question.decision
    return {
        "analysis": question.analysis.number,
        "status": question.analysis.status,
        "fingerprint": question.fingerprint,
        "recommendation": asdict(question.recommendation),
        "decision": None if decision is None else _said(session, decision),
    }


def _said(session: Session, decision: DecisionRow) -> Json:
    emails = signers(session, decision)
    analysis = select(AnalysisRow.number).where(AnalysisRow.id == decision.analysis_id)
    return {
        "analysis": session.exec(analysis).one(),
        "choice": decision.choice,
        "recommended": decision.recommended,
        "reason": decision.reason,
        "decided_by": emails[decision.decided_by],
        "decided_at": decision.decided_at.isoformat(),
        "needs_second": decision.needs_second,
        "seconded_by": emails[decision.seconded_by] if decision.seconded_by else None,
        "seconded_at": decision.seconded_at.isoformat() if decision.seconded_at else None,
        "counts": counts(decision),
        "fingerprint": fingerprint_of_decision(decision),
    }


def signers(session: Session, decision: DecisionRow) -> dict[int, str]:
    """E-mail addresses of those who signed a decision."""
    both = {decision.decided_by, decision.seconded_by}
    return emails_of(session, {user for user in both if user is not None})


def recommendation_of(analysis: AnalysisRow) -> Recommendation:
    """What an analysis recommends."""
    found = result_kept(analysis)
    reason = found["verdict"]["reason"]
    return recommend(
        Status(analysis.status),
        registration=Registration(found["registration"]),
        reason=Reason(reason) if reason else None,
    )


def decision_of(session: Session, pilot: PilotRow) -> DecisionRow | None:
    """The newest decision about a pilot, whether it counts or not."""
    query = select(DecisionRow).where(DecisionRow.pilot_id == pilot.id)
    return session.exec(query.order_by(col(DecisionRow.id).desc()).limit(1)).first()


def decide(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    choice: Choice,
    reason: str,
    password: str,
    fingerprint: str,
    now: datetime,
) -> DecisionRow:
    """Sign a decision on the newest analysis.

    Args:
        session: A writing session; what it holds is undone while the password is checked.
        pilot: The pilot.
        by: The executive.
        choice: What becomes of the program.
        reason: Why; needed for what is not recommended.
        password: The executive's.
        fingerprint: Of what was shown.
        now: The present time.

    Raises:
        BadInput: The password is wrong, or a reason is missing.
        NotAllowed: The pilot is the executive's own.
        NotFound: There is no analysis yet.
        Stale: A newer analysis came.
        OutcomesVeiled: Outcomes may not be looked at yet.
        NotNow: A decision on this analysis counts already.
    """
    _prove(session, pilot, by=by, password=password)
    question = question_of(session, pilot)
    _refuse_stale(question, fingerprint)
    recommended = question.recommendation.choice
    if recommended is None:
        refuse_veiled(question.analysis.status, question.analysis.result_json)
        raise NotNow("The newest analysis recommends nothing, so that nothing can be decided.")
    if question.settled:
        raise NotNow(
            f"A decision on analysis {question.analysis.number} was signed already; another one "
            f"needs a newer analysis."
        )
    reason = _checked(reason, is_needed=choice is not recommended)
    decision = DecisionRow(
        pilot_id=pilot_id(pilot),
        analysis_id=question.analysis.id or 0,
        choice=choice,
        recommended=recommended,
        reason=reason,
        fingerprint=fingerprint,
        decided_by=by.user_id,
        decided_at=now,
        needs_second=choice is not recommended,
    )
    session.add(decision)
    _sign(session, pilot, SignedWhat.DECISION, fingerprint=fingerprint, by=by, now=now)
    session.flush()
    return decision


def second(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    password: str,
    fingerprint: str,
    now: datetime,
) -> DecisionRow:
    """Sign a decision as its second executive, from when on it counts.

    Args:
        session: A writing session; what it holds is undone while the password is checked.
        pilot: The pilot.
        by: The executive, another than the one who decided.
        password: The executive's.
        fingerprint: Of the decision that was shown.
        now: The present time.

    Raises:
        BadInput: The password is wrong.
        NotAllowed: The decision, or the pilot, is the executive's own.
        NotFound: There is no decision.
        NotNow: The decision needs nobody.
        Stale: A newer analysis came, or another decision.
    """
    _prove(session, pilot, by=by, password=password)
    question = question_of(session, pilot)
    decision = question.decision
    if decision is None:
        raise NotFound(f"decision about pilot {pilot.slug!r} yet")
    if decision.decided_by == by.user_id:
        raise NotAllowed(
            "You signed this decision yourself; another executive has to be its second."
        )
    if counts(decision):
        raise NotNow("This decision counts already; it needs no second executive.")
    if not question.waits_for_second:
        raise Stale("A newer analysis came after this decision; decide again on that one.")
    if fingerprint != fingerprint_of_decision(decision):
        raise Stale("The decision was replaced meanwhile; read the new one.")
    decision.seconded_by = by.user_id
    decision.seconded_at = now
    session.add(decision)
    _sign(session, pilot, SignedWhat.SECOND, fingerprint=fingerprint, by=by, now=now)
    session.flush()
    return decision


def _prove(session: Session, pilot: PilotRow, *, by: Caller, password: str) -> None:
    """Be sure that it is the executive, who is not the owner; then stand in line."""
    if pilot.owner_id == by.user_id:
        raise NotAllowed("You own this pilot; somebody else has to decide about it.")
    try:
        check_password(session, email=by.email, password=password)
    except BadInput:
        wrong = Problem("password", "is not yours; type the one that you sign in with")
        raise BadInput(REFUSED, [wrong]) from None
    # Two decisions at the same time would not see each other.
    session.exec(select(PilotRow.id).where(PilotRow.id == pilot.id).with_for_update()).one()


def _refuse_stale(question: OpenQuestion, fingerprint: str) -> None:
    if fingerprint != question.fingerprint:
        raise Stale(
            f"A newer analysis came (number {question.analysis.number}); read it, and decide on "
            f"that one."
        )


def _checked(reason: str, *, is_needed: bool) -> str:
    said = " ".join(reason.split())
    if len(said) > LONGEST_REASON or not said.isprintable():
        wrong = f"must be plain text of at most {LONGEST_REASON:,} characters"
        raise BadInput(REFUSED, [Problem("reason", wrong)])
    if is_needed and len(said.split()) < FEWEST_WORDS:
        short = counted(len(said.split()), "word", "words")
        wrong = (
            f"has {short}; say in a sentence why you decide against the recommendation"
            if said
            else "is missing; say in a sentence why you decide against the recommendation"
        )
        raise BadInput(REFUSED, [Problem("reason", wrong)])
    return said


def _sign(
    session: Session,
    pilot: PilotRow,
    what: SignedWhat,
    *,
    fingerprint: str,
    by: Caller,
    now: datetime,
) -> None:
    session.add(
        SignatureRow(
            pilot_id=pilot_id(pilot),
            user_id=by.user_id,
            what=what,
            fingerprint=fingerprint,
            signed_at=now,
        )
    )
