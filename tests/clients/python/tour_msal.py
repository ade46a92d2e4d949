"""The tour of MSAL and azure-identity: tokens with only the authority changed.

Both insist on TLS, so the server's base URL must be https and
`RUNSTATE_TLS_CA` must name the certificate to trust.
"""

import asyncio
import time
from typing import Any

import msal
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph_beta import GraphServiceClient
from msgraph_beta.graph_request_adapter import GraphRequestAdapter

from tour import Server, Step, key, script_body, stop, unique_prefix

SCOPE = "https://graph.microsoft.com/.default"


def msal_app(server: Server, secret: str, **authority: Any) -> msal.ConfidentialClientApplication:
    """MSAL's application; instance discovery would ask Microsoft about the host."""
    authority = authority or {"authority": f"{server.root_url}/{server.tenant_id}"}
    return msal.ConfidentialClientApplication(
        server.client_id,
        client_credential=secret,
        instance_discovery=False,
        verify=server.ca_file,
        **authority,
    )


def azure_credential(server: Server, secret: str, **more: Any) -> ClientSecretCredential:
    """azure-identity's credential; its authority is a host, the tenant apart."""
    return ClientSecretCredential(
        server.tenant_id,
        server.client_id,
        secret,
        authority=server.root_url,
        disable_instance_discovery=True,
        connection_verify=server.ca_file,
        **more,
    )


def works(step: Step, server: Server, token: str) -> None:
    """The token reads, and it may write."""
    path = "/deviceManagement/deviceShellScripts"
    listed = server.plain("GET", f"{path}?$top=1", token=token)
    step.equal("status of a read with the token", 200, listed.status)
    body = script_body("deviceShellScripts", unique_prefix("msal"), "echo\n")
    made = server.plain("POST", path, body, token=token)
    step.equal("status of a write with the token", 201, made.status)
    gone = server.plain("DELETE", f"{path}/{key(made.json()['id'])}", token=token)
    step.equal("status of the delete", 204, gone.status)


def msal_steps(server: Server) -> None:
    """MSAL: discovery, token, cache, refusal."""
    with Step("msal: token for the client") as step:
        app = msal_app(server, server.client_secret)
        got = app.acquire_token_for_client([SCOPE])
        step.equal("error", None, got.get("error_description"))
        step.equal("token_type", "Bearer", got["token_type"])
        step.equal("where it came from", "identity_provider", got["token_source"])
        step.true("expires_in is positive", got["expires_in"] > 0)
        works(step, server, got["access_token"])
        step.says(f"expires in {got['expires_in']} s, reads and writes")
    with Step("msal: the second token comes from its cache") as step:
        again = app.acquire_token_for_client([SCOPE])
        step.equal("where it came from", "cache", again["token_source"])
        step.equal("access_token", got["access_token"], again["access_token"])
    with Step("msal: the authority as an OpenID Connect issuer") as step:
        issuer = f"{server.root_url}/{server.tenant_id}/v2.0"
        got = msal_app(
            server, server.client_secret, oidc_authority=issuer
        ).acquire_token_for_client([SCOPE])
        step.equal("error", None, got.get("error_description"))
        works(step, server, got["access_token"])
    with Step("msal: a wrong secret is refused") as step:
        refused = msal_app(server, "wrong").acquire_token_for_client([SCOPE])
        step.equal("error", "invalid_client", refused.get("error"))
        step.true("error_description says something", refused.get("error_description"))
        step.true(
            "error_codes are numbers", all(isinstance(n, int) for n in refused["error_codes"])
        )
        step.true("correlation_id is there", refused.get("correlation_id"))
        step.says(refused["error_description"].splitlines()[0])


def azure_steps(server: Server) -> None:
    """azure-identity: token, refusal, and the SDK with it as its credential."""
    with Step("azure-identity: token of ClientSecretCredential") as step:
        with azure_credential(server, server.client_secret) as credential:
            got = credential.get_token(SCOPE)
        step.true("it has not expired", got.expires_on > time.time())
        works(step, server, got.token)
    with Step("azure-identity: a wrong secret is refused") as step:
        described = msal_app(server, "wrong").acquire_token_for_client([SCOPE])["error_description"]
        message = None
        try:
            with azure_credential(server, "wrong") as credential:
                credential.get_token(SCOPE)
        except ClientAuthenticationError as error:
            message = error.message
        step.true("a ClientAuthenticationError was raised", message)
        # Trace id and time follow and differ from call to call.
        step.true("its message is the server's", described.split("Trace ID")[0] in message)
    with Step("azure-identity: as the SDK's credential") as step:
        with azure_credential(server, server.client_secret) as credential:
            listed = asyncio.run(read_through_the_sdk(server, credential))
        step.true("the list came", listed is not None)
        step.says("the SDK asks for the scope of the server's own host")


async def read_through_the_sdk(server: Server, credential: ClientSecretCredential) -> Any:
    """A list by the SDK; it asks for `https://{host}/.default` and for CAE."""
    adapter = GraphRequestAdapter(AzureIdentityAuthenticationProvider(credential))
    adapter.base_url = server.base_url
    client = GraphServiceClient(request_adapter=adapter)
    return (await client.device_management.device_shell_scripts.get()).value


if __name__ == "__main__":
    SERVER = Server()
    if not (SERVER.is_tls and SERVER.ca_file):
        stop("MSAL needs an https base URL and RUNSTATE_TLS_CA")
    msal_steps(SERVER)
    azure_steps(SERVER)
