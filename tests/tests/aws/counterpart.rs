//! The counterpart and what these tests see of it: if this fails, look no further.

use serde_json::json;
use sf_e2e::aws::{AT_ONCE, mutating};
use sf_e2e::{Aws, Issuer, eventually, http};

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

/// A function `f` that answers `hello` to whatever comes.
fn make_function(aws: &Aws) {
    aws.sdk(&format!("client('iam').create_role(RoleName='f', AssumeRolePolicyDocument={TRUST:?})"));
    let zip = "__import__('io').BytesIO()";
    let code = "def handler(event, context):\\n    return {'statusCode': 200, 'body': 'hello'}\\n";
    aws.sdk(&format!(
        "[(z := {zip}), (w := __import__('zipfile').ZipFile(z, 'w')), w.writestr('index.py', \"{code}\"), w.close(), \
         client('lambda').create_function(FunctionName='f', Runtime='python3.13', Handler='index.handler', \
         Role='arn:aws:iam::000000000000:role/f', Code={{'ZipFile': z.getvalue()}})][-1]"
    ));
}

#[test]
fn its_log_tells_what_changed_and_who_asked() {
    let Some(aws) = Aws::start("its_log_tells_what_changed_and_who_asked", AT_ONCE) else { return };
    assert!(aws.state().is_empty(), "{:?}", aws.state());
    make_function(&aws);
    let before = aws.now();
    aws.sdk("client('lambda').get_function(FunctionName='f')");
    assert!(mutating(&aws.log_since(before)).is_empty());
    aws.sdk("client('lambda').delete_function(FunctionName='f')");
    let log = aws.log();
    let calls: Vec<_> = mutating(&log).iter().map(ToString::to_string).collect();
    assert_eq!(calls, ["CreateRole f", "CreateFunction f", "DeleteFunction f"]);
    assert_eq!(aws.warnings(), Vec::<String>::new());
    assert_eq!(aws.state().of_kind("roles"), ["f"]);
    aws.reset();
    assert!(aws.state().is_empty() && aws.log().is_empty());
}

#[test]
fn a_fault_fires_and_a_refusal_is_told_from_an_answer() {
    let Some(aws) = Aws::start("a_fault_fires_and_a_refusal_is_told_from_an_answer", AT_ONCE) else { return };
    aws.fault(&json!({
        "service": "sqs", "operation": "CreateQueue", "count": 1,
        "action": { "type": "error", "code": "InternalError", "status": 500 },
    }));
    // The SDK tries again by itself.
    aws.sdk("client('sqs').create_queue(QueueName='q')");
    let log = aws.log();
    let queue: Vec<_> = log.iter().map(|entry| (entry.is_ok(), entry.is_fault)).collect();
    assert_eq!(queue, [(false, true), (true, false)]);
    assert_eq!(aws.faults()[0]["fired"], 1);
    aws.clear_faults();
    assert_eq!(aws.faults(), Vec::<serde_json::Value>::new());
}

#[test]
fn apis_answer_and_trust_our_issuer() {
    let Some(aws) = Aws::start("apis_answer_and_trust_our_issuer", AT_ONCE) else { return };
    make_function(&aws);
    let issuer = Issuer::start_tls();
    let api = aws.sdk("client('apigatewayv2').create_api(Name='a', ProtocolType='HTTP')");
    let (id, url) = (api["ApiId"].as_str().unwrap(), api["ApiEndpoint"].as_str().unwrap());
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    aws.sdk(&format!(
        "[(c := client('apigatewayv2')), (a := c.create_authorizer(ApiId='{id}', Name='a', AuthorizerType='JWT', \
         IdentitySource=['$request.header.Authorization'], JwtConfiguration={{'Issuer': '{issuer}', 'Audience': ['us']}})), \
         (i := c.create_integration(ApiId='{id}', IntegrationType='AWS_PROXY', IntegrationUri='{arn}', PayloadFormatVersion='2.0')), \
         (t := 'integrations/' + i['IntegrationId']), c.create_route(ApiId='{id}', RouteKey='GET /open', Target=t), \
         c.create_route(ApiId='{id}', RouteKey='GET /members', Target=t, AuthorizationType='JWT', AuthorizerId=a['AuthorizerId']), \
         c.create_stage(ApiId='{id}', StageName='$default', AutoDeploy=True), \
         client('lambda').add_permission(FunctionName='f', StatementId='s', Action='lambda:InvokeFunction', \
         Principal='apigateway.amazonaws.com', SourceArn='arn:aws:execute-api:us-east-1:000000000000:{id}/*/*')][-1]",
        issuer = issuer.url
    ));
    // By its own name, which ends with `.localhost`, and as if the name led here.
    let open = eventually("it answers", || {
        Some(http::get(&format!("{url}/open"))).filter(|answer| answer.status == 200)
    });
    assert_eq!(open.text(), "hello");
    let real = format!("https://{id}.execute-api.us-east-1.amazonaws.com");
    assert_eq!(aws.get(&format!("{real}/open")).text(), "hello");

    let members = |token: Option<String>| {
        let header = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = header.iter().map(|value| ("authorization", value.as_str())).collect();
        aws.request("GET", &format!("{real}/members"), &headers, b"").status
    };
    assert_eq!(members(None), 401);
    assert_eq!(members(Some(issuer.token("others", &json!({ "sub": "1" })))), 401);
    assert_eq!(members(Some(issuer.token("us", &json!({ "sub": "1" })))), 200);
}

#[test]
fn an_object_is_looked_at_without_its_content() {
    let Some(aws) = Aws::start("an_object_is_looked_at_without_its_content", AT_ONCE) else { return };
    let facts = aws.sdk(
        "[(s := client('s3')), s.create_bucket(Bucket='some-bucket'), s.put_object(Bucket='some-bucket', Key='a', Body=b'xyz'), \
         s.head_object(Bucket='some-bucket', Key='a')][-1]",
    );
    assert_eq!(facts["ContentLength"], 3, "{facts}");
}
