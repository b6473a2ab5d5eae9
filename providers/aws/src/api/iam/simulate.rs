//! `SimulatePrincipalPolicy`: what somebody's policies say to an action, without doing it.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use serde::Deserialize;

use super::{Members, operation, paged};
use crate::api::{ApiError, Client, Params};

/// What is said to one action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Evaluation {
    #[serde(rename = "EvalActionName")]
    pub(crate) action: String,
    /// `allowed`, `explicitDeny` or `implicitDeny`
    #[serde(rename = "EvalDecision")]
    decision: String,
    /// Keys of conditions that the answer depends on.
    #[serde(default)]
    missing_context_values: Members<String>,
}

impl Evaluation {
    /// Whether it is refused, whatever the circumstances: where a condition decides, nobody knows beforehand.
    pub(crate) fn is_refused(&self) -> bool {
        self.decision != "allowed" && self.missing_context_values.member.is_empty()
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "SimulatePrincipalPolicyResult")]
    result: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    evaluation_results: Members<Evaluation>,
    #[serde(default)]
    is_truncated: bool,
    marker: Option<String>,
}

/// What the policies of a user or role say to these actions on this.
pub(crate) async fn simulate(
    client: &Client,
    principal: &str,
    actions: &[&str],
    on: &str,
) -> Result<Vec<Evaluation>, ApiError> {
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let params = Params::default()
            .with("PolicySourceArn", principal)
            .texts("ActionNames.member", actions.iter().map(|action| (*action).to_owned()))
            .texts("ResourceArns.member", [on.to_owned()]);
        let response: Response =
            client.query(operation("SimulatePrincipalPolicy"), &paged(params, marker)).await?;
        all.extend(response.result.evaluation_results.member);
        marker = response.result.marker.filter(|_| response.result.is_truncated);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the API's reference, with the parts that nobody reads.
    const ANSWER: &str = r#"<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <SimulatePrincipalPolicyResult>
    <IsTruncated>false</IsTruncated>
    <EvaluationResults>
      <member>
        <MatchedStatements><member><SourcePolicyId>deployer</SourcePolicyId><StartPosition><Line>1</Line><Column>2</Column></StartPosition></member></MatchedStatements>
        <MissingContextValues/>
        <EvalResourceName>arn:aws:s3:::shop-dev-x</EvalResourceName>
        <EvalDecision>allowed</EvalDecision>
        <EvalActionName>s3:CreateBucket</EvalActionName>
      </member>
      <member>
        <MatchedStatements/>
        <EvalResourceName>arn:aws:s3:::shop-dev-x</EvalResourceName>
        <EvalDecision>implicitDeny</EvalDecision>
        <EvalActionName>s3:DeleteBucket</EvalActionName>
      </member>
      <member>
        <MissingContextValues><member>aws:RequestTag/team</member></MissingContextValues>
        <EvalResourceName>arn:aws:s3:::shop-dev-x</EvalResourceName>
        <EvalDecision>implicitDeny</EvalDecision>
        <EvalActionName>s3:PutBucketTagging</EvalActionName>
      </member>
    </EvaluationResults>
  </SimulatePrincipalPolicyResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</SimulatePrincipalPolicyResponse>"#;

    #[test]
    fn only_what_is_refused_under_all_circumstances_is() {
        let response: Response = quick_xml::de::from_str(ANSWER).unwrap();
        let all = response.result.evaluation_results.member;
        let refused: Vec<_> =
            all.iter().filter(|one| one.is_refused()).map(|one| one.action.as_str()).collect();
        assert_eq!((all.len(), refused), (3, vec!["s3:DeleteBucket"]));
    }
}
