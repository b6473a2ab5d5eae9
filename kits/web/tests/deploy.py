"""Deploys the bridge and the test's server to AWS's counterpart, calls them, and prints what came of it as JSON.

Arguments: the counterpart's URL, the bridge, the server."""

import io
import json
import sys
import urllib.error
import urllib.request
import zipfile

import boto3

endpoint, bridge, server = sys.argv[1:]
KIT = {"project": "shop", "stage": "dev", "function": "page", "command": "server"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def client(service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)


def artifact():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in [("bootstrap", bridge), ("server", server)]:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            with open(path, "rb") as file:
                archive.writestr(entry, file.read())
    return buffer.getvalue()


def deploy(functions, api):
    role = client("iam").create_role(RoleName="page", AssumeRolePolicyDocument=json.dumps(TRUST))
    function = functions.create_function(
        FunctionName="page", Runtime="provided.al2023", Handler="bootstrap", Role=role["Role"]["Arn"], Timeout=60,
        Code={"ZipFile": artifact()}, Environment={"Variables": {"SF_KIT": json.dumps(KIT)}},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName="page", WaiterConfig={"Delay": 1})
    identity = api.create_api(Name="page", ProtocolType="HTTP")["ApiId"]
    integration = api.create_integration(
        ApiId=identity, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    api.create_route(ApiId=identity, RouteKey="ANY /{proxy+}", Target=f"integrations/{integration}")
    api.create_stage(ApiId=identity, StageName="$default", AutoDeploy=True)
    functions.add_permission(
        FunctionName="page", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{identity}/*/*",
    )
    return f"{endpoint}/_aws/execute-api/{identity}/$default"


def call(url):
    headers = {"content-type": "image/png", "cookie": "a=1"}
    request = urllib.request.Request(url, data=b"\xff\x00", headers=headers, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            return {"status": answer.status, "cookies": answer.headers.get_all("set-cookie"), "body": list(answer.read())}
    except urllib.error.HTTPError as error:
        return {"status": error.code}


functions = client("lambda")
base = deploy(functions, client("apigatewayv2"))
answers = [call(base + path) for path in ["/a%20b?x=%C3%A9", "/bytes", "/exit", "/bytes"]]
invoked = functions.invoke(FunctionName="page", Payload=b'{"text": "hi"}')["Payload"].read()
print(json.dumps({"answers": answers, "invoked": json.loads(invoked)}))
